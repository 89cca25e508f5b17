"""Watch: what a serving process knows of counting, and what it makes of it.

funnel_view    what became of events, from the counts changelog
outcomes_view  what became of slates by variant, from the same
comparison     rates of variants, and lifts against the control
outcome_report all that is said of variants; outcome_findings, outcome_watch: its alarms
lag_meter      how far counting is behind its topics
observed       all of it at one time, and its sums
findings       why nothing moves, in words, and what to do
history        figures of the last half hour
slate_feedback what was seen and clicked of one slate
observer       looks at the brokers when somebody asks
"""
