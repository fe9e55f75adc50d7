"""What is remembered of a pod's start. Times are Unix seconds of the cluster's own clock."""

from dataclasses import dataclass

from scaler.fleet import StartClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod as the API shows it at one moment, reduced to what a start is made of.

    A time is None where its moment has not come, or can't be seen.
    """

    uid: str
    node: str  # empty until it is scheduled
    image: str  # of the container that the accelerator is for
    accelerator: str
    created_at: float
    scheduled_at: float | None = None
    prepared_at: float | None = None  # volumes and network are there, init containers are done
    started_at: float | None = None  # the container runs: its image is there
    ready_at: float | None = None  # since when it is ready; None while it is not
    restarts: int = 0
    trouble: str = ""  # why it doesn't start, in Kubernetes' words: CrashLoopBackOff, ...
    is_unschedulable: bool = False
    is_ending: bool = False  # deleted, or finished
    is_asleep: bool = False
    node_created_at: float | None = None  # None where nodes can't be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A start that is over: ready at `ended_at`, or gone by then without ever being ready.

    The second kind took at least that long (right-censored). One that failed is no start at all:
    it is counted, and not kept.
    """

    uid: str
    image: str
    accelerator: str
    start_class: StartClass
    node: str
    began_at: float
    ended_at: float
    is_ready: bool
    scheduled_at: float | None = None
    prepared_at: float | None = None
    started_at: float | None = None

    @property
    def seconds(self) -> float:
        """How long it took, or at least took."""
        return max(0.0, self.ended_at - self.began_at)

    def phases(self) -> dict[str, float]:
        """Return the seconds of each phase whose both ends are known.

        `schedule` until it has a node, `prepare` volumes, network and init containers, `image`
        until the container runs, `load` until it is ready.
        """
        marks = (
            ("schedule", self.scheduled_at),
            ("prepare", self.prepared_at),
            ("image", self.started_at),
            ("load", self.ended_at if self.is_ready else None),
        )
        found: dict[str, float] = {}
        before: float | None = self.began_at
        for name, at in marks:
            if at is not None and before is not None:
                found[name] = max(0.0, at - before)
            if at is not None or name != "prepare":  # unseen, it is part of `image`
                before = at
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A start that goes on."""

    image: str
    accelerator: str
    start_class: StartClass
    began_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """All that is known of a workload's starts at one moment; what a lead time is made of.

    `image` and `accelerator` are those of the newest pod, which the next ones will have.
    """

    image: str = ""
    accelerator: str = ""
    finished: tuple[Start, ...] = ()
    under_way: tuple[UnderWay, ...] = ()
    failed: tuple[tuple[str, int], ...] = ()  # reason -> how many
    n_unschedulable: int = 0
    n_asleep: int = 0
