"""HTTP: CONTRACT section 3.

app            endpoints and door put together
door           every request passes it: trace, CORS, token, rate; errors become problems
access, cors, rate, trace, problems     one of these each
endpoint       a row of the table that routes and the OpenAPI document are made from
slates, desk   ask for slates; look one up
events, event_sender                    events on their way to Kafka
segments, items                         what was counted, and what it says
health                                  findings, funnel, lag; once or as a stream
status, configuration                   releases, dead letters; settings, versions, changes
pages                                   the dashboard's files, the browser's module
openapi        the document
outbox, server  slates on their way to Kafka; what listens, its start and its end
"""
