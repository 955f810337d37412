"""An S3-compatible store for the tests (对象存储): a real server on loopback with one bucket."""

import uuid
from typing import Self

import boto3
from moto.server import ThreadedMotoServer
from support.hotline import free_ports


class Bucket:
    """It can be stopped and started."""

    def __init__(self) -> None:
        self.port = free_ports(1)[0]
        self.name = f"recordings-{uuid.uuid4().hex[:8]}"  # what the server keeps outlives it
        self._server: ThreadedMotoServer | None = None

    def __enter__(self) -> Self:
        self.start()
        self._client().create_bucket(Bucket=self.name)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "depot": f"s3://{self.name}/state/96128", "depot_endpoint": f"http://127.0.0.1:{self.port}",
            "depot_access_key": "key", "depot_secret_key": "secret",
        }  # fmt: skip

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        if self._server:
            self._server.stop()
        self._server = None

    def names(self) -> list[str]:
        found = self._client().list_objects_v2(Bucket=self.name).get("Contents", [])
        return sorted(one["Key"] for one in found)

    def content(self, name: str) -> bytes:
        return self._client().get_object(Bucket=self.name, Key=name)["Body"].read()

    def _client(self):
        return boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1",
            aws_access_key_id="key", aws_secret_access_key="secret",
        )  # fmt: skip
