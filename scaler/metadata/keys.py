"""The keys of a trigger's metadata: what each may hold, its default, and what is said of it."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from scaler.agenda import FORMS
from scaler.capacity import MAX_REPLICAS
from scaler.metadata.values import (
    read_auto_or_number,
    read_boolean,
    read_modes,
    read_number,
    read_pairs,
    read_queries,
    read_scale_down_limit,
    read_step,
    read_timezone,
    read_whole,
)
from scaler.params import (
    DEFAULT_MAX_REPLICAS,
    MaxCapacityBehavior,
    Mode,
    OnStale,
    ScaleDownLimit,
)
from scaler.plan import MAX_LEADING
from scaler.public_holidays import EXAMPLE
from scaler.saturation.queries import CapacityQueries
from scaler.zones import ALLOWED as ALLOWED_ZONES

# What KEDA itself reads of an external trigger and passes on to us; `timeout` and `unsafeSsl` of
# KEDA's prometheus trigger are the operator's to decide here (`--prometheus-config`).
IGNORED_KEYS = frozenset(
    {"scalerAddress", "enableTLS", "unsafeSsl", "caCert", "tlsClientCert", "tlsClientKey"}
    | {"tlsCertFile", "timeout"}
)
SECRET_KEYS = frozenset({"customHeaders", "queryParameters", "serverAddress"})
FROM_ENVIRONMENT = "FromEnv"

# Who answers, not what is answered: a target's memory outlives a change of these.
SWITCH_KEYS = frozenset(
    {"mode", "approved", "proveDays", "proveMinShortageSavedPercent", "proveMaxExtraPercent"}
)

Number = Annotated[float, BeforeValidator(read_number)]
Whole = Annotated[int, BeforeValidator(read_whole)]
Pairs = Annotated[tuple[tuple[str, str], ...], BeforeValidator(read_pairs)]
AuthModes = Annotated[tuple[str, ...], BeforeValidator(read_modes)]


class TriggerMetadata(BaseModel):
    """The keys of a trigger. A field's description says what is allowed; errors quote it."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, arbitrary_types_allowed=True
    )

    query: str = Field(
        min_length=1, max_length=16_384, description="a PromQL expression that gives one series"
    )
    threshold: Annotated[float | None, BeforeValidator(read_auto_or_number)] = Field(
        gt=0, le=1e15, description="a number > 0: the demand that one replica carries, or auto"
    )
    threshold_prior: Number | None = Field(None, gt=0, le=1e15, description="a number > 0")
    capacity_model: str | None = Field(
        None,
        max_length=253,
        pattern=r"^[A-Za-z0-9_./:@+-]+$",
        description="the model_name of vLLM's metrics",
    )
    capacity_queries: Annotated[tuple[tuple[str, str], ...], BeforeValidator(read_queries)] = Field(
        (), description=CapacityQueries.ALLOWED
    )
    server_address: str | None = Field(
        None, max_length=2_048, description="the http or https address of a Prometheus"
    )
    activation_threshold: Number = Field(0.0, ge=0, le=1e15, description="a number >= 0")
    namespace: str | None = Field(
        None, min_length=1, max_length=253, description="a namespace, for namespaced queries"
    )
    custom_headers: Pairs = Field((), description="name=value pairs, separated by commas")
    query_parameters: Pairs = Field((), description="name=value pairs, separated by commas")
    ignore_null_values: Annotated[bool, BeforeValidator(read_boolean)] = Field(
        False, description='"true" or "false"'
    )
    auth_modes: AuthModes = Field((), description="any of basic, bearer, custom, tls")
    warm_floor: Whole = Field(
        0, ge=0, le=MAX_REPLICAS, description="a whole number from 0 to maxReplicas"
    )
    max_replicas: Whole = Field(
        DEFAULT_MAX_REPLICAS,
        ge=1,
        le=MAX_REPLICAS,
        description=f"a whole number from 1 to {MAX_REPLICAS}",
    )
    lead_time_seconds: Annotated[float | None, BeforeValidator(read_auto_or_number)] = Field(
        None, ge=1, le=21_600, description="seconds from 1 to 21600, or auto"
    )
    quantile: Number = Field(0.95, ge=0.5, le=0.999, description="a number from 0.5 to 0.999")
    history_days: Number = Field(28.0, ge=1, le=90, description="days from 1 to 90")
    step_seconds: Annotated[int, BeforeValidator(read_step)] = Field(
        60, ge=10, le=3_600, description="whole seconds from 10 to 3600 that divide a day"
    )
    stale_after_seconds: Number | None = Field(
        None, ge=10, le=86_400, description="seconds from stepSeconds to 86400"
    )
    timezone: Annotated[ZoneInfo, BeforeValidator(read_timezone)] = Field(
        ZoneInfo("UTC"), description=ALLOWED_ZONES
    )
    holidays: str | None = Field(
        None, min_length=1, max_length=1_024, description=f"codes such as {EXAMPLE}"
    )
    events: str | None = Field(
        None, min_length=1, max_length=16_384, description=f"lines, each {FORMS}"
    )
    leading_queries: str | None = Field(
        None,
        min_length=1,
        max_length=16_384,
        description=f"1 to {MAX_LEADING} PromQL expressions, one a line, with or without `name: `",
    )
    mode: Mode = Field(Mode.PREDICT, description="predict, observe, prove or advise")
    prove_days: Whole = Field(7, ge=1, le=45, description="whole days from 1 to 45")
    prove_min_shortage_saved_percent: Number = Field(
        20.0, gt=0, le=100, description="a number above 0, up to 100"
    )
    prove_max_extra_percent: Number = Field(
        20.0, ge=0, le=1_000, description="a number from 0 to 1000"
    )
    approved: Annotated[bool, BeforeValidator(read_boolean)] = Field(
        False, description='"true" or "false"'
    )
    on_stale: OnStale = Field(OnStale.HOLD, description="hold, floor or error")
    scheduled_floors: str | None = Field(
        None, max_length=4_096, description="entries such as 4 for 10h from 0 8 * * MON-FRI"
    )
    break_even_seconds: Number | None = Field(
        None, ge=0, le=86_400, description="seconds from 0 to 86400"
    )
    release_margin: Number = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    scale_down_limit: Annotated[ScaleDownLimit | None, BeforeValidator(read_scale_down_limit)] = (
        Field(None, description="replicas or a percentage within a time: 2/5m or 50%/10m")
    )
    hpa_tolerance: Number = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    hpa_scale_down_tolerance: Number = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    max_capacity_behavior: MaxCapacityBehavior = Field(
        MaxCapacityBehavior.HONOR, description="HonorMaxCapacity or IncreaseMaxCapacity"
    )
    max_capacity_buffer: Whole | None = Field(
        None, ge=0, le=100, description="a whole percentage from 0 to 100"
    )
    miss_cost_per_replica_hour: Number | None = Field(
        None, gt=0, le=1e9, description="a number > 0, in the unit of gpuPricePerHour"
    )
    gpu_price_per_hour: Number | None = Field(
        None, gt=0, le=1e9, description="a number > 0: the price of one replica's GPUs"
    )


FIELD_OF_KEY = {
    field.alias or name: (name, field) for name, field in TriggerMetadata.model_fields.items()
}
KNOWN_KEYS = tuple(FIELD_OF_KEY)
