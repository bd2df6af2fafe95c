"""Opens streams of server-sent events that stay idle, and tells what they cost the service.

usage: streams.py URL TOKEN_FILE PID COUNT…    prints the resident kilobytes of PID at each COUNT of open streams, a line each

The address is http:// or https:// (whose certificate is not looked at). Standard library only.
"""

import asyncio
import resource
import ssl
import sys
import urllib.parse

AT_ONCE = 50  # connections that are being made at a time: people come one after the other
SETTLE = 3.0  # seconds until what connecting took is given back


async def opened(url, token):
    """A stream whose first event has come."""
    tls = None
    if url.scheme == "https":
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=tls, limit=4096)
    head = f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
    writer.write(head.encode())
    status = await reader.readline()
    if b" 200 " not in status:
        sys.exit(f"no stream: {status!r} {await reader.read(2000)!r}")
    await reader.readuntil(b"\r\n\r\n")
    await reader.readuntil(b"\n\n")
    return reader, writer


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(line.split()[1] for line in status if line.startswith("VmRSS:"))


async def main(address, token_file, pid, counts):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url = urllib.parse.urlsplit(address)
    with open(token_file, encoding="ascii") as file:
        token = file.readline().strip()
    streams = []
    for count in counts:
        while len(streams) < count:
            some = min(AT_ONCE, count - len(streams))
            streams += await asyncio.gather(*(opened(url, token) for _ in range(some)))
        await asyncio.sleep(SETTLE)
        ended = sum(reader.at_eof() for reader, _ in streams)
        if ended:
            sys.exit(f"{ended} of {count} streams ended")
        print(resident(pid), flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], [int(count) for count in sys.argv[4:]]))
