"""A loader that streams safetensors weights from disk, HTTP, S3 or GCS into a model.

The whole of it in six lines (`settings.py` explains each setting):

    from serving.loader.checkpoint import open_checkpoint   # no torch is imported by this
    from serving.loader.settings import Settings
    from serving.loader.tensors import stream_tensors       # torch, and only here

    settings = Settings.of({"read_threads": 8})             # unknown keys are refused
    with open_checkpoint("s3://bucket/llama", settings) as checkpoint:
        with stream_tensors(checkpoint, settings, device="cuda") as tensors:
            model.load_weights(tensors)                     # an iterator of (name, tensor)
        tensors.report                                      # bytes, seconds of each stage, retries

What holds:

- A tensor that was yielded is valid **until the next one is asked for**; with `keeps=True` each is
  a copy that may be kept.
- The header of every file is checked before the first byte of data is read, `checkpoint.names` are
  the tensors' names, and `checkpoint.require(names)` raises `Incomplete` unless they are all there.
- `slices={"name": Slice(dim, start, stop)}` reads a part of a tensor: what a tensor parallel rank
  needs. Tensors that are no part of `names=` aren't read.
- Whatever goes wrong raises a `LoadError` from the iterator; nothing is yielded after that, and
  everything is released when the `with` block ends.
- Memory: `host_bytes` of staging (pinned with CUDA) and `device_bytes` on the device, each plus the
  largest tensor where one alone is larger.
"""
