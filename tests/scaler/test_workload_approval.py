"""A person's yes, as an annotation on the ScaledObject."""

import pytest

from scaler.workload import workload_of


@pytest.mark.parametrize(
    ("annotations", "want"),
    [
        ({"keda-prewarm/mode": "predict"}, True),
        ({"keda-prewarm/mode": "Predict"}, False),
        ({"keda-prewarm/mode": "observe"}, False),
        ({"keda-prewarm/mode": ["predict"]}, False),
        ({}, False),
        (None, False),
        ("predict", False),
    ],
)
def test_only_the_word_predict_approves(annotations: object, *, want: bool) -> None:
    document = {
        "metadata": {"namespace": "llm", "name": "llama", "annotations": annotations},
        "spec": {"scaleTargetRef": {"name": "llama"}},
    }
    workload = workload_of(document)
    assert workload is not None
    assert workload.is_approved is want
