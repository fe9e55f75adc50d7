"""Metric timelines played to a real kube-controller-manager, and what its HPA made of them.

    with ControlPlane(settings, is_bare=True) as cluster:
        records = played(cluster, scenarios)

The HPAs scale objects of a kind of our own, so no pods have to follow: thirty of them fit into one
small control plane. Their metrics come from a metrics API of ours, which is asked once for each
sync and so knows when a sync is, and reads what the HPA has just read.
"""
