"""Rules about one trigger: its address, its lead time, its query."""

import re
from collections.abc import Iterator
from math import ceil

from scaler.destinations import BadAddress, parse_address
from scaler.lint.facts import (
    DELAY_BEFORE_PODS_SECONDS,
    ERROR,
    FALSE_WORDS,
    NOTE,
    POLL_SECONDS,
    TRUE_WORDS,
    WARNING,
    WEEK_DAYS,
    Facts,
    Said,
    key_yaml,
    nested,
)
from scaler.manifest import (
    Node,
    ReadTrigger,
)
from scaler.params import Mode


def metric_type(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a metric type that makes something else of a number of replicas."""
    del facts
    node = read.entry.node.get("metricType")
    if not node.is_given or node.text == "AverageValue":
        return
    if node.text == "Value":
        text = (
            "metricType: Value multiplies the answer by the pods that are ready: 3 wanted with 3 "
            "ready asks for 9, and pods that still load change it at each sync"
        )
    else:
        text = f"metricType: {node.text[:40]} is refused for external triggers"
    yield Said(ERROR, node, text, "metricType: AverageValue")


def cached_metrics(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a cache that makes answers older."""
    node = read.entry.node.get("useCachedMetrics")
    if node.value is True:
        seconds = facts.spec.get("pollingInterval").whole or POLL_SECONDS
        text = (
            f"the HPA sees answers up to {seconds} s old, and in KEDA 2.20 one failing trigger "
            "empties the cache of all; the scaler answers from memory anyway"
        )
        yield Said(WARNING, node, text, "useCachedMetrics: false")


def scaler_address(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find an address at which KEDA finds no scaler."""
    node = facts.metadata(read, "scalerAddress")
    text = node.text.strip()
    paste = key_yaml("scalerAddress", "prewarm.keda.svc:6000")
    host, colon, port = text.rpartition(":")
    if not text:
        yield Said(ERROR, node, "scalerAddress: missing; KEDA needs host:port", paste)
    elif "://" in text and not text.startswith(("dns:///", "passthrough:///")):
        yield Said(ERROR, node, "scalerAddress is gRPC's host:port, without a scheme", paste)
    elif not colon or not port.isdigit():
        yield Said(WARNING, node, "scalerAddress has no port, so gRPC takes 443", paste)
    elif host.rpartition("/")[2] in {"localhost", "127.0.0.1", "[::1]"}:
        yield Said(WARNING, node, "KEDA runs in another pod, where this address is itself", paste)


def tls_keys(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find TLS keys that KEDA reads elsewhere, or not as written."""
    for key in ("caCert", "tlsClientCert", "tlsClientKey", "tlsCertFile"):
        node = facts.metadata(read, key)
        if node.is_given:
            text = (
                f"{key}: no effect in metadata; it belongs into a TriggerAuthentication"
                f"{', and a private key here is public' if key == 'tlsClientKey' else ''}"
            )
            yield Said(WARNING, node, text, nested("authenticationRef", "name: prewarm-tls"))
    for key in ("enableTLS", "unsafeSsl"):
        node = facts.metadata(read, key)
        if node.is_given and node.text not in TRUE_WORDS | FALSE_WORDS:
            yield Said(ERROR, node, f'{key}: KEDA reads "true" or "false"', key_yaml(key, "true"))


def keys_without_effect(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find keys of the prometheus trigger that mean nothing here, or another thing."""
    node = facts.metadata(read, "timeout")
    if node.is_given:
        text = "timeout: no effect; the scaler's own deadlines hold"
        yield Said(NOTE, node, text)
    node = facts.metadata(read, "unsafeSsl")
    if node.text not in TRUE_WORDS:
        return
    if facts.metadata(read, "enableTLS").text in TRUE_WORDS:
        text = "unsafeSsl: KEDA takes any certificate for the scaler's"
        yield Said(WARNING, node, text)
    else:
        text = (
            "unsafeSsl: no effect; it is about KEDA's connection to the scaler, which has no TLS; "
            "for Prometheus the operator decides (--prometheus-config)"
        )
        yield Said(NOTE, node, text)


def lead_time(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Compare the lead time with the way from an answer to a pod that serves."""
    if not read.knows("leadTimeSeconds"):
        return
    node, seconds = facts.metadata(read, "leadTimeSeconds"), read.params.lead_time_seconds
    earliest, allowed = startup_seconds(facts.scaled_object.workload)
    needed = DELAY_BEFORE_PODS_SECONDS + earliest
    paste = key_yaml("leadTimeSeconds", ceil(max(needed, read.params.step_seconds)))
    if seconds < read.params.step_seconds:
        text = f"a lead time of {seconds:g} s is less than one step of {read.params.step_seconds:g}"
        yield Said(WARNING, node, f"{text} s: there is nothing to forecast", paste)
    elif seconds < needed:
        pod = f", and no pod is ready before {earliest:g} s (its probes)" if earliest else ""
        text = (
            f"a lead time of {seconds:g} s is too short: KEDA's poll and the HPA's sync take up to "
            f"{DELAY_BEFORE_PODS_SECONDS} s{pod}"
        )
        yield Said(WARNING, node, text, paste)
    elif seconds < allowed:
        text = f"the startup probe allows {allowed:g} s, the lead time is {seconds:g}: measure it"
        yield Said(NOTE, node, text)


def startup_seconds(workload: Node) -> tuple[float, float]:
    """Return the earliest moment at which a pod can be ready, and how long it may take to start."""
    earliest = allowed = 0
    for container in workload.get("spec", "template", "spec", "containers").items:
        startup = container.get("startupProbe")
        delay = startup.get("initialDelaySeconds").whole or 0
        earliest = max(
            earliest, delay, container.get("readinessProbe", "initialDelaySeconds").whole or 0
        )
        if startup.is_given:  # 3 and 10 are Kubernetes' defaults
            tries = startup.get("failureThreshold").whole or 3
            allowed = max(allowed, delay + tries * (startup.get("periodSeconds").whole or 10))
    return float(earliest), float(allowed)


def observe_mode(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Tell a dry run, and a mode that begins as one."""
    if read.params.mode in {Mode.PROVE, Mode.ADVISE}:
        days = read.params.margins.days
        until = {
            Mode.PROVE: f"{days} whole days have shown that prediction wins",
            Mode.ADVISE: f"a person approves; {days} whole days show whether to",
        }
        text = f"mode: {read.params.mode} answers reactively until {until[read.params.mode]}"
        yield Said(NOTE, facts.metadata(read, "mode"), text)
    if read.params.mode is Mode.OBSERVE:
        text = "mode: observe is a dry run: the answer is the reactive one, forecasts are exported"
        yield Said(NOTE, facts.metadata(read, "mode"), f"{text}; delete the line to let it act")


def history_days(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a history that holds no full week."""
    if read.params.history_days < WEEK_DAYS:
        text = (
            f"{read.params.history_days:g} days of history hold no full week: weekdays look alike"
        )
        yield Said(NOTE, facts.metadata(read, "historyDays"), text, key_yaml("historyDays", 28))


def server_address(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Tell what the operator must permit."""
    node = facts.metadata(read, "serverAddress")
    if not node.text:
        return
    try:
        address = parse_address(node.text.strip())
    except BadAddress as bad:
        yield Said(ERROR, node, f"serverAddress {bad}")
        return
    text = f"serverAddress: the scaler connects there only with --allow-address {address}"
    yield Said(NOTE, node, f"{text}, or as its default")


def credentials(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find credentials that are public, or expected to come through KEDA."""
    node = facts.metadata(read, "customHeaders")
    if re.search(r"auth|token|key|secret|cookie", node.text.partition("=")[0], re.IGNORECASE):
        text = "customHeaders: a credential in metadata is public; let the operator configure it"
        yield Said(WARNING, node, text)
    node = facts.metadata(read, "authModes")
    if node.is_given:
        text = (
            "authModes: KEDA doesn't pass credentials on; the scaler sends those that its operator "
            "configured for this Prometheus (--prometheus-config)"
        )
        yield Said(NOTE, node, text)


def query_of_counter(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a counter that is read without a rate."""
    node = facts.metadata(read, "query")
    counter = counter_without_rate(node.text)
    if counter:
        text = f"{counter[0]} is a counter, which only grows; demand is its rate"
        selector = re.match(r"\s*\{[^{}'\n\\]{0,200}\}", node.text[counter.end() :])
        series = counter[0] + (selector[0].strip() if selector else "")
        yield Said(WARNING, node, text, key_yaml("query", f"sum(rate({series}[2m]))"))


def counter_without_rate(query: str) -> re.Match[str] | None:
    """Return the counter that a query reads as it is, None when there is none."""
    counter = re.search(r"[A-Za-z_:][\w:]*_total\b(?!:)", query)
    is_rate = re.search(r"\b(i?rate|x?rate|increase|i?delta|deriv)\s*\(", query)
    return None if is_rate else counter


def query_per_pod(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find demand that depends on how many replicas share it."""
    node = facts.metadata(read, "query")
    metric = re.search(r"\bvllm:\w+", node.text)
    if re.search(r"\bavg(_over_time)?\b", node.text) and "avg_over_time" not in node.text:
        text = (
            "an average per pod falls when a replica is added, so the forecast would follow its "
            "own decisions; sum over the pods, with the threshold for one"
        )
        yield Said(WARNING, node, text)
    elif any(query_of_counter(facts, read)):
        return  # that one says sum(rate(...)) already
    elif metric and not re.search(r"\b(sum|max|min|count|quantile|scalar)\b", node.text):
        text = f"{metric[0]} has one series for each pod, and several are refused: sum them"
        is_simple = re.fullmatch(r"[^'\n\\]{1,200}", node.text)
        yield Said(
            WARNING, node, text, key_yaml("query", f"sum({node.text.strip()})") if is_simple else ""
        )


def query_of_served(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a query for what was served, which demand outgrows."""
    node = facts.metadata(read, "query")
    found = re.search(r"vllm:(request_success|generation_tokens|e2e_request_latency)\w*", node.text)
    if found and "num_requests" not in node.text:  # with what queues, that is what arrived
        text = (
            f"{found[0]} counts what was served, which levels off when replicas are full; "
            "arrivals at the gateway don't (docs/trigger.md)"
        )
        yield Said(NOTE, node, text)


def empty_answers(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find an empty answer at zero that KEDA would read as 0."""
    node = facts.metadata(read, "ignoreNullValues")
    if facts.minimum == 0 and not node.is_given:
        text = (
            "ignoreNullValues: when the query returns nothing at zero replicas that is no "
            "observation, and the last answer is held; KEDA's own trigger would read 0"
        )
        yield Said(NOTE, node, text, key_yaml("ignoreNullValues", "true"))
