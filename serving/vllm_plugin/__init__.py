"""vLLM's load format `prewarm_stream`, and what a start is made of.

vLLM finds `register` by the entry point group `vllm.general_plugins` and `StartLogger` by
`vllm.stat_logger_plugins`; both have the name `prewarm`, for `VLLM_PLUGINS`. Nothing here is
imported by anything else of Prewarm. `docs/loader.md` tells how to use it.
"""
