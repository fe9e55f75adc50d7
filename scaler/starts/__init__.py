"""How long a replica takes to start: pod states in, a lead time out. Pure; time is an argument."""
