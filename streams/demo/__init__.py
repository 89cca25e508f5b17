"""The demo: a whole system on one machine, on real click data, with invented data said to be
invented.

world      films, visitors and their click rates (films.py, visitors.py, invented.py)
stage      broker, topics, catalogue, worker, all taken down again
replay     the Open Bandit log through `impressions` and `clicks`, counts compared with the file
release    an encoder release, made beside and published while the worker runs
late_items items that come at half time, and how soon they are shown
traffic    visitors ask for slates and click; report: what was learned, over time, against what
           could be had
run        the order of all that
"""
