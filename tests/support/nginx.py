"""A real nginx that serves a folder on loopback, until the `with` block ends."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from required import skip_or_fail

CONFIG = """
daemon off; master_process off; pid {state}/pid; error_log {state}/error.log;
events {{}}
http {{
  access_log off; sendfile on;
  client_body_temp_path {state}/body; proxy_temp_path {state}/proxy;
  fastcgi_temp_path {state}/fastcgi; uwsgi_temp_path {state}/uwsgi; scgi_temp_path {state}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {root};
    location /gzipped/ {{ gzip on; gzip_types *; gzip_min_length 1; alias {root}/; }}
    location /whole/ {{ max_ranges 0; alias {root}/; }}
    location /refused/ {{ return 403; }}
    location /throttled/ {{ limit_rate 2m; alias {root}/; }}
  }}
}}
"""


@contextlib.contextmanager
def nginx_serving(root: Path, state: Path) -> Iterator[str]:
    """Start nginx on `root`; yield its address. `state` is an empty folder for its own files."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        skip_or_fail("no nginx on PATH (scripts/install-nginx)")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    config = state / "nginx.conf"
    config.write_text(CONFIG.format(state=state, root=root, port=port))
    process = subprocess.Popen(
        [program, "-e", str(state / "error.log"), "-c", str(config)], stderr=subprocess.PIPE
    )
    try:
        _wait_until_it_listens(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _wait_until_it_listens(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended: {process.communicate()[1]!r}")
        time.sleep(0.05)
    raise RuntimeError("nginx doesn't listen after 30 s")
