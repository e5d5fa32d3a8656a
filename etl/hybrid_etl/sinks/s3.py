"""Amazon S3: an own multipart upload over boto3's low-level calls, in bounded memory.

boto3's upload_fileobj, s3fs and pyarrow.fs either publish a truncated object when the producer dies or hold
parts without a bound; here nothing is completed unless `finish` is called. A data file is written once: it is
completed only where no object is (docs/decisions/iam-write-once.md).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from hybrid_etl import aws
from hybrid_etl.errors import UserError
from hybrid_etl.sinks import Listing, Seen, StoredFile, check_size, wrong_address
from hybrid_etl.sinks.throttle import Throttle

PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes for a part that is not the last (Amazon S3 User Guide, "multipart upload
limits")."""
MOST_PARTS = 10_000
LONGEST_KEY = 1024
"""Bytes of UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects")."""
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
"""How S3 refuses a conditional write: it is another object, one is being written, it is gone."""
_TYPES = {"json": "application/json", "parquet": "application/vnd.apache.parquet"}


def open_sink(address: str, *, bytes_per_second: int | None, target_file_bytes: int) -> S3Sink:
    """The sink for `s3://BUCKET[/PREFIX]`; raises UserError for an address without a bucket."""
    parts = urlsplit(address)
    if not parts.netloc:
        raise wrong_address(address)
    return S3Sink(
        parts.netloc,
        unquote(parts.path).strip("/"),
        bytes_per_second=bytes_per_second,
        target_file_bytes=target_file_bytes,
    )


class S3Sink:
    """Objects under a prefix of a bucket; encryption is the bucket's default."""

    def __init__(
        self, bucket: str, prefix: str, *, bytes_per_second: int | None = None, target_file_bytes: int = 0
    ) -> None:
        self._client = aws.client("s3")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._throttle = Throttle(bytes_per_second)
        self._target = target_file_bytes

    def open(self, key: str) -> S3File:
        """Begin an object; nothing is sent before the first part is full.

        Raises UserError for a key that S3 would not take.
        """
        if len((self._prefix + key).encode()) > LONGEST_KEY:
            raise UserError(
                f"The key of a file would be longer than the {LONGEST_KEY} bytes that S3 takes: shorten the "
                "values of partition_by in the query, or the prefix."
            )
        return S3File(
            self._client,
            bucket=self._bucket,
            object_key=self._prefix + key,
            key=key,
            throttle=self._throttle,
            part_bytes=max(PART_BYTES, -(-self._target // (MOST_PARTS // 2))),
        )

    def look(self, key: str) -> Seen:
        """A small object and its ETag."""
        name = self._prefix + key
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=name)
            return Seen(content=answer["Body"].read(), tag=str(answer["ETag"]))
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and aws.error_code(error) == "NoSuchKey":
                return Seen()
            raise aws.explain(error, doing=f"Reading s3://{self._bucket}/{name}") from error

    def put(self, key: str, content: bytes, *, over: Seen | None = None) -> bool:
        """Put an object in one request; `over` makes it conditional (S3 User Guide, "Conditional writes")."""
        name = self._prefix + key
        kind = _TYPES.get(key.rpartition(".")[2], "application/octet-stream")
        condition = {} if over is None else {"IfMatch": over.tag} if over.tag else {"IfNoneMatch": "*"}
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=name, Body=content, ContentType=kind, **condition
            )
        except (BotoCoreError, ClientError) as error:
            if condition and isinstance(error, ClientError) and aws.error_code(error) in _CHANGED:
                return False
            raise aws.explain(error, doing=f"Writing s3://{self._bucket}/{name}") from error
        return True

    def probe(self, key: str) -> None:
        """Begin an upload, send a part, abort it: a run's rights to the key are asked for."""
        address = {"Bucket": self._bucket, "Key": self._prefix + key}
        try:
            upload = self._client.create_multipart_upload(**address)["UploadId"]
            try:
                self._client.upload_part(**address, UploadId=upload, PartNumber=1, Body=b"check")
            finally:
                self._client.abort_multipart_upload(**address, UploadId=upload)
        except (BotoCoreError, ClientError) as error:
            raise aws.explain(error, doing=f"Writing s3://{self._bucket}/{address['Key']}") from error

    def read(self, key: str) -> bytes:
        """A small object."""
        return aws.read_object(self._bucket, self._prefix + key)

    def directories(self, prefix: str, *, after: str, only: str) -> Listing:
        """Directories below a prefix, in one request, so at most 1,000."""
        base = f"{self._prefix}{prefix}/"
        start = {"StartAfter": base + after} if after else {}
        try:
            answer = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=base + only, Delimiter="/", **start
            )
        except (BotoCoreError, ClientError) as error:
            raise aws.explain(error, doing=f"Listing s3://{self._bucket}/{base}{only}") from error
        names = [found["Prefix"][len(base) :].rstrip("/") for found in answer.get("CommonPrefixes", ())]
        return Listing(names=sorted(names), whole=not answer.get("IsTruncated"))

    def source(self, key: str) -> BinaryIO:
        """An object as a file."""
        return cast("BinaryIO", S3Object(self._bucket, self._prefix + key))


class S3Object(io.RawIOBase):
    """An object of S3 as a file: each read is a request of that range."""

    def __init__(self, bucket: str, key: str) -> None:
        self._client, self._at = aws.client("s3"), 0
        self._address = {"Bucket": bucket, "Key": key}
        self._size = int(self._ask("head_object")["ContentLength"])

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Where the next read is to begin."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """So many bytes, all that are left below 0."""
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        found: bytes = self._ask("get_object", Range=f"bytes={self._at}-{end - 1}")["Body"].read()
        self._at += len(found)
        return found

    def _ask(self, operation: str, **more: str) -> Any:
        try:
            return getattr(self._client, operation)(**self._address, **more)
        except (BotoCoreError, ClientError) as error:
            raise aws.explain(error, doing=f"Reading s3://{'/'.join(self._address.values())}") from error


class _Request:
    """A request in a thread of its own.

    Not `Thread.join`: up to Python 3.12 a thread whose join a signal interrupts counts as ended (bpo-45274).
    """

    def __init__(self, call: Callable[..., None], *arguments: object) -> None:
        self._ended = threading.Event()
        self._call, self._arguments = call, arguments
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._call(*self._arguments)
        finally:
            self._ended.set()

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or for so many seconds."""
        self._ended.wait(timeout)


class S3File:
    """An object being uploaded: one part fills while at most one other is on the line.

    A part is the buffer itself, which is not copied; what goes beyond a part begins the next, so that a long
    value is not held here twice.
    """

    def __init__(
        self, client: Any, *, bucket: str, object_key: str, key: str, throttle: Throttle, part_bytes: int
    ) -> None:
        self._client, self._throttle = client, throttle
        self._address = {"Bucket": bucket, "Key": object_key}
        self._key, self._part_bytes = key, part_bytes
        self._buffer = io.BytesIO()
        self._digest = hashlib.sha256()
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._sender: _Request | None = None
        self._fault: Exception | None = None
        self._over = False
        self._sent = 0
        self.size = 0

    def write(self, data: bytes) -> int:
        """Take bytes; a full part goes out in the background."""
        if self._over:
            return len(data)
        self._digest.update(data)
        rest = memoryview(data)
        while len(rest) >= (room := max(self._part_size() - self._buffer.tell(), 1)):
            self._take(rest[:room])
            self._send()
            rest = rest[room:]
        self._take(rest)
        return len(data)

    def _take(self, data: memoryview) -> None:
        self._buffer.write(data)
        self.size += len(data)

    def finish(self) -> StoredFile:
        """Send what is left and complete; raises Failure when S3 refuses, UserError when the key is taken."""
        if self._buffer.tell() or self._upload is None:
            self._send()
        self._join()
        check_size(self.size, stored=self._sent)
        self._complete()
        self._over = True
        return StoredFile(key=self._key, bytes=self.size, sha256=self._digest.hexdigest())

    def abort(self) -> None:
        """Take the upload back, twice where a part on the line may land after the first try."""
        if self._over:
            return
        self._over = True
        if self._upload is None and self._sender:
            self._sender.wait(3)
        if self._upload is None:
            return
        self._abort_once()
        if self._sender and self._sender.runs:
            self._sender.wait(3)
            self._abort_once()
        self._buffer = io.BytesIO()

    def _part_size(self) -> int:
        """Parts double every thousand, so that an object of any size ends before the 10,000th."""
        return int(self._part_bytes * 2 ** (len(self._parts) // 1000))

    def _send(self) -> None:
        self._join()
        if self._upload is None:
            # In a thread: a run that is stopped meanwhile still learns the upload's id, and takes it back.
            self._sender = _Request(self._begin)
            self._join()
        body, self._buffer = self._buffer, io.BytesIO()
        size = body.tell()
        body.seek(0)
        part: dict[str, Any] = {"PartNumber": len(self._parts) + 1}
        self._parts.append(part)
        self._throttle.take(size)
        self._sender = _Request(self._send_part, part, body, size)

    def _begin(self) -> None:
        try:
            answer = self._client.create_multipart_upload(
                **self._address, ContentType=self._content_type(), ChecksumAlgorithm="CRC32"
            )
        except Exception as error:  # noqa: BLE001 - it is raised by `_join`
            self._fault = error
            return
        self._upload = answer["UploadId"]

    def _send_part(self, part: dict[str, Any], body: io.BytesIO, size: int) -> None:
        try:
            answer = self._client.upload_part(
                **self._address,
                UploadId=self._upload,
                PartNumber=part["PartNumber"],
                Body=body,
                ChecksumAlgorithm="CRC32",
            )
        except Exception as error:  # noqa: BLE001 - it is raised where the next part is sent
            self._fault = error
            return
        part["ETag"] = answer["ETag"]
        self._sent += size
        if "ChecksumCRC32" in answer:
            part["ChecksumCRC32"] = answer["ChecksumCRC32"]

    def _join(self) -> None:
        if self._sender:
            self._sender.wait()
            self._sender = None
        if self._fault:
            fault, self._fault = self._fault, None
            raise self._explained(fault) from fault

    def _complete(self) -> None:
        try:
            self._client.complete_multipart_upload(
                **self._address,
                UploadId=self._upload,
                MultipartUpload={"Parts": self._parts},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if not self._was_completed(error):
                raise self._explained(error) from error
        except BotoCoreError as error:
            raise self._explained(error) from error

    def _was_completed(self, error: ClientError) -> bool:
        """Whether a refusal answers a repeated request, of which an earlier one completed the upload.

        The role may not read what it wrote, so the object itself is not asked. Only this file knows its
        upload's id: an upload that is gone without having been aborted became the object that is there.
        """
        code = aws.error_code(error)
        if code == "PreconditionFailed":
            abort = self._client.abort_multipart_upload
            return _refusal(lambda: abort(**self._address, UploadId=self._upload)) == "NoSuchUpload"
        if code == "NoSuchUpload" and aws.was_repeated(error):
            put = self._client.put_object
            return _refusal(lambda: put(**self._address, IfNoneMatch="*")) == "PreconditionFailed"
        return False

    def _explained(self, error: Exception) -> Exception:
        if not isinstance(error, BotoCoreError | ClientError):
            return error
        return aws.explain(error, doing=f"Writing s3://{self._address['Bucket']}/{self._address['Key']}")

    def _content_type(self) -> str:
        return _TYPES.get(self._key.rpartition(".")[2], "application/octet-stream")

    def _abort_once(self) -> None:
        with contextlib.suppress(Exception):
            self._client.abort_multipart_upload(**self._address, UploadId=self._upload)


def _refusal(request: Callable[[], object]) -> str | None:
    """The code with which S3 refuses a request at the first try; None when it takes it, or may have."""
    try:
        request()
    except ClientError as error:
        return None if aws.was_repeated(error) else aws.error_code(error)
    except BotoCoreError:
        return None
    return None
