"""nginx, the yardstick: a cache in front of the registry for manifests, a tuned way through it for blobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from certs.authority import Certificate
from deploy.stack.daemons import running
from deploy.stack.ports import free_port
from deploy.stack.programs import program
from deploy.stack.web import answers

# One worker on one core, no log of single requests: what the quickest of them do. Blobs pass through buffers of 64 KiB
# without a detour over the disk; uploads are passed on as they come.
_CONFIGURATION: Final = """
daemon off;
user root;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
  log_format json escape=json '{{"time":"$time_iso8601","uri":"$uri","status":$status,"agent":"$http_user_agent"}}';
  access_log {access_log};
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/temp;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  proxy_cache_path {directory}/cache keys_zone=manifests:10m;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  upstream registry {{ server {registry}; keepalive 64; }}
  server {{
    {listen}
    location / {{
      proxy_pass http://registry;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffers 16 64k;
      proxy_buffer_size 64k;
      proxy_busy_buffers_size 128k;
      proxy_max_temp_file_size 0;
      proxy_request_buffering off;
      location ~ /manifests/ {{
        proxy_pass http://registry;
        proxy_cache manifests;
        proxy_cache_valid 200 1h;
      }}
    }}
  }}
}}
"""


@contextmanager
def yardstick(
    directory: Path, registry: str, certificate: Certificate | None = None, ca_file: Path | None = None
) -> Iterator[tuple[str, int]]:
    """Run nginx in front of a registry (`host:port`) for as long as the block lasts: its URL, and its process."""
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    listen = f"listen 127.0.0.1:{port};"
    if certificate:
        listen = (
            f"listen 127.0.0.1:{port} ssl; ssl_certificate {certificate.certificate_file.absolute()};"
            f" ssl_certificate_key {certificate.key_file.absolute()}; ssl_protocols TLSv1.2 TLSv1.3;"
        )
    log = f"{directory}/access.log json buffer=64k flush=50ms"
    text = _CONFIGURATION.format(directory=directory, registry=registry, listen=listen, access_log=log)
    (directory / "nginx.conf").write_text(text)
    command = [program("nginx"), "-c", str(directory / "nginx.conf"), "-p", str(directory)]
    scheme = "https" if certificate else "http"
    url = f"{scheme}://127.0.0.1:{port}"
    ready = partial(answers, f"{url}/v2/", ca_file=ca_file, expected=(200, 401))
    with running(command, name="nginx", directory=directory, answers=ready) as daemon:
        yield url, daemon.pid
