"""Search for the weights of a policy file on a log, and the command line of evaluation."""
