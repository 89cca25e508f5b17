"""The Faust worker, and nothing else: transport, agents, recovery, the build of a worker."""
