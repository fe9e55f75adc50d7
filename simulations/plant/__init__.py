"""The cluster model: replicas that batch, pods that start slowly, GPUs that run out.

Two engines over one model: `events` serves request by request, `fluid` moves averages. What the
fluid engine can't tell: the wait of single requests while the fleet as a whole has room (queues of
unlucky replicas, bursts below a second), tails, the mix of lengths, single start failures of the
queue they leave behind. It may drop settings that are plainly worse, and rank nothing close.
"""
