"""A small object storage on loopback: as much of the S3 protocol as pyarrow's client asks for."""

from __future__ import annotations

import io
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class ObjectServer:
    """Keeps objects in memory; use as a context manager.

    Attributes:
        objects: Content by `bucket/key`.
        unfinished: Parts of uploads that were not completed, by upload and number.
        cut: Requests (method, end of the path) whose connection is reset half way; each once
            unless the count is higher.
        asked: Requests so far, as (method, path, range).
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.unfinished: dict[str, dict[int, bytes]] = {}
        self.cut: dict[tuple[str, str], int] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.storage = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, prefix: str) -> str:
        """Return the URL of a prefix in the bucket `bucket`."""
        return (
            f"s3://bucket/{prefix}?scheme=http&region=us-east-1"
            f"&endpoint_override=127.0.0.1:{self.port}"
        )

    def cuts(self, method: str, path: str) -> bool:
        """Whether this request is to be reset; counts it."""
        with self.lock:
            for (cut_method, end), left in self.cut.items():
                if method == cut_method and path.endswith(end) and left:
                    self.cut[cut_method, end] = left - 1
                    return True
        return False

    def __enter__(self) -> ObjectServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def storage(self) -> ObjectServer:
        return self.server.storage  # type: ignore[attr-defined,no-any-return]

    def _begin(self) -> tuple[str, dict[str, list[str]], bytes]:
        parts = urlsplit(self.path)
        path = unquote(parts.path).strip("/")
        self.storage.asked.append((self.command, path, self.headers.get("Range", "")))
        return path, parse_qs(parts.query, keep_blank_values=True), self._body()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # The client's own chunks with a checksum behind the last one, in those of HTTP.
        outer = self._chunks(self.rfile)
        if "x-amz-decoded-content-length" not in self.headers:
            return outer
        return self._chunks(io.BytesIO(outer))

    @staticmethod
    def _chunks(stream: Any) -> bytes:
        content = b""
        while size := int(stream.readline().partition(b";")[0], 16):
            content += stream.read(size)
            stream.readline()
        # Trailers, up to an empty line.
        while stream.readline().strip():
            pass
        return content

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _xml(self, text: str) -> None:
        self._answer(200, b'<?xml version="1.0"?>' + text.encode(), Content_Type="application/xml")

    def _missing(self) -> None:
        body = b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
        self._answer(404, b"" if self.command == "HEAD" else body, Content_Type="application/xml")

    def _reset(self) -> None:
        """End the connection so that the client sees a reset and not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def do_HEAD(self) -> None:
        path, _, _ = self._begin()
        found = self.storage.objects.get(path)
        if "/" not in path:
            self._answer(200)
        elif found is None:
            self._missing()
        else:
            self._answer(200, Content_Length=str(len(found)), ETag='"1"', Last_Modified=_WHEN)

    def do_GET(self) -> None:
        path, query, _ = self._begin()
        if "/" not in path:
            self._list(query)
            return
        found = self.storage.objects.get(path)
        if found is None:
            self._missing()
            return
        asked = self.headers.get("Range")
        first, last = 0, len(found) - 1
        if asked:
            low, _, high = asked.removeprefix("bytes=").partition("-")
            first, last = int(low), min(int(high or last), last)
        part = found[first : last + 1]
        if self.storage.cuts("GET", path):
            self.send_response(206)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self._reset()
            return
        headers = {"ETag": '"1"', "Last_Modified": _WHEN, "Accept_Ranges": "bytes"}
        if asked:
            headers["Content_Range"] = f"bytes {first}-{last}/{len(found)}"
        self._answer(206 if asked else 200, part, **headers)

    def _list(self, query: dict[str, list[str]]) -> None:
        bucket = unquote(urlsplit(self.path).path).strip("/")
        prefix = query.get("prefix", [""])[0]
        delimiter = query.get("delimiter", [""])[0]
        most = int(query.get("max-keys", ["1000"])[0])
        contents, folders = [], set()
        for name, content in sorted(self.storage.objects.items()):
            key = name.removeprefix(f"{bucket}/")
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                continue
            contents.append(
                f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
                f"<LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
            )
        shown = contents[:most]
        common = [
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>"
            for each in sorted(folders)
        ]
        self._xml(
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(shown) + len(common)}</KeyCount><IsTruncated>false</IsTruncated>"
            f"{''.join(shown)}{''.join(common)}</ListBucketResult>"
        )

    def do_PUT(self) -> None:
        path, query, body = self._begin()
        if self.storage.cuts("PUT", path):
            self._reset()
            return
        if "partNumber" in query:
            parts = self.storage.unfinished[query["uploadId"][0]]
            parts[int(query["partNumber"][0])] = body
        else:
            self.storage.objects[path] = body
        self._answer(200, ETag='"1"')

    def do_POST(self) -> None:
        path, query, body = self._begin()
        if "uploads" in query:
            upload = f"u{len(self.storage.asked)}"
            self.storage.unfinished[upload] = {}
            self._xml(
                f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
                "</InitiateMultipartUploadResult>"
            )
        elif "uploadId" in query:
            parts = self.storage.unfinished.pop(query["uploadId"][0])
            self.storage.objects[path] = b"".join(parts[number] for number in sorted(parts))
            self._xml(
                "<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>"
            )
        elif "delete" in query:
            bucket = path
            for key in body.decode().split("<Key>")[1:]:
                self.storage.objects.pop(f"{bucket}/{key.partition('<')[0]}", None)
            self._xml("<DeleteResult></DeleteResult>")
        else:
            self._answer(400)

    def do_DELETE(self) -> None:
        path, query, _ = self._begin()
        if "uploadId" in query:
            self.storage.unfinished.pop(query["uploadId"][0], None)
        else:
            self.storage.objects.pop(path, None)
        self._answer(204)


_WHEN = "Mon, 01 Jan 2024 00:00:00 GMT"
