"""Live comparison of policies: from sums of slates and of groups of users to what may be said of
variants. NumPy only; no Kafka.

tails       tails of Student's t, F and chi-square
ratio       means of ratio metrics and their variances, by slates or by groups of users
lift        a variant against another one
sequential  intervals that hold at every look
balance     whether variants got the slates that chance owes them, and whether these were seen
tracking    whether slates are seen as they were before
power       how many slates a difference needs
"""
