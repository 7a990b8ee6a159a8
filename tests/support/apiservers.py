"""An API server in memory: kmock's emulator with what Weir relies on besides.

Versions that writes may name, generations that only a new spec raises, statuses that are written apart, server-side
apply that makes what is not there, label selectors, and the collection of what an owner left behind. Deployments are
ready as soon as they are there, unless a test says otherwise.
"""

import asyncio
import copy
import itertools
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp.web
import kmock
from lightkube import KubeConfig
from lightkube.config.models import Cluster, User

Object = dict[str, Any]

KINDS = {
    "weir.dev/v1alpha1": {"patterns": "Pattern", "streamjobs": "StreamJob"},
    "v1": {"services": "Service", "configmaps": "ConfigMap", "pods": "Pod", "events": "Event"},
    "apps/v1": {"deployments": "Deployment"},
    "batch/v1": {"jobs": "Job"},
    "coordination.k8s.io/v1": {"leases": "Lease"},
}
CLUSTER_WIDE = {
    "v1/namespaces": "Namespace",
    "apiextensions.k8s.io/v1/customresourcedefinitions": "CustomResourceDefinition",
}
"""Nobody asks for these, but kopf waits until an API server speaks of them."""
WITH_STATUS = {"patterns", "streamjobs", "deployments", "pods", "jobs"}
PIPELINES = {"Pattern"}
STREAMJOBS_ONLY = {"signature", "fresh"}
APPLY = "application/apply-patch+yaml"


@dataclass
class Behaviour:
    """What a test may change while the server runs."""

    deployments_ready: bool = True
    before_status: Callable[[Object], None] = lambda _: None
    """Called once with an object just before a write of its status is looked at; may change it."""


class Emulator(kmock.KubernetesEmulator):
    """The server's side; lives in its event loop."""

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__()
        self.behaviour = behaviour
        self.versions = itertools.count(1)
        for api_version, kinds in KINDS.items():
            for plural, kind in kinds.items():
                self.resources[f"{api_version}/{plural}"] = kmock.ResourceInfo(
                    kind=kind,
                    namespaced=True,
                    verbs={"get", "list", "watch", "create", "update", "patch", "delete"},
                    subresources={"status"} if plural in WITH_STATUS else set(),
                )

        for path, kind in CLUSTER_WIDE.items():
            self.resources[path] = kmock.ResourceInfo(kind=kind, namespaced=False, verbs={"get", "list", "watch"})

    async def _handle(self, request: kmock.Request) -> aiohttp.web.StreamResponse:  # noqa: PLR0911 - a table of verbs
        if request.resource is None or not request.resource.plural:
            return await super()._handle(request)
        match request.method.value.upper():
            case "POST":
                return await self._written(request, self._created(request))
            case "PUT":
                return await self._written(request, self._replaced(request))
            case "PATCH":
                return await self._written(request, self._patched(request))
            case "GET" if request.action == kmock.action.LIST:
                return self._listed(request)
            case "DELETE":
                self._touch(self.at(request))
                answer = await super()._handle(request)
                await self._collect()
                return answer
            case _:
                return await super()._handle(request)

    def at(self, request: kmock.Request, name: str | None = None) -> Object:
        """The object a request is about."""
        assert request.resource is not None
        key = (request.resource, request.namespace, name or request.name or "")
        if key not in self.objects or self.objects[key].deleted:
            raise kmock.KubernetesObjectNotFoundError()
        raw: Object = self.objects[key].raw
        return raw

    def _created(self, request: kmock.Request) -> Object:
        name = request.data["metadata"]["name"]
        try:
            self.at(request, name)
        except kmock.KubernetesObjectNotFoundError:
            return self._new(request, request.data)
        raise _Conflict(message=f"{request.resource} {name} already exists")

    def _new(self, request: kmock.Request, data: Object) -> Object:
        made = copy.deepcopy(data)
        made.setdefault("metadata", {}).update(
            namespace=request.namespace,
            uid=str(uuid.uuid4()),
            generation=1,
            creationTimestamp=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return made

    def _replaced(self, request: kmock.Request) -> Object:
        before, data = self.at(request), request.data
        if request.subresource == "status":
            hook, self.behaviour.before_status = self.behaviour.before_status, lambda _: None
            hook(before)
        wanted = data["metadata"].get("resourceVersion")
        if wanted is not None and wanted != before["metadata"]["resourceVersion"]:
            raise _Conflict(message="the object has been modified; please apply your changes to the latest version")
        if request.subresource == "status":
            status = copy.deepcopy(data["status"])
            if before["kind"] in PIPELINES:
                status = _pruned(status)
            return {**before, "status": status}
        return self._respecified(before, {**before, "spec": data["spec"]})

    def _patched(self, request: kmock.Request) -> Object:
        if request.headers.get("Content-Type") == APPLY and re.search("[\x7f-\x84\x86-\x9f]", request.text or ""):
            raise _BadRequest(message="error converting YAML to JSON: yaml: control characters are not allowed")
        owners = request.data.get("metadata", {}).get("ownerReferences", [])
        if sum(owner.get("controller", False) for owner in owners) > 1:
            raise _Invalid(message="metadata.ownerReferences: Only one reference can have Controller set to true")
        try:
            before = self.at(request)
        except kmock.KubernetesObjectNotFoundError:
            if request.headers.get("Content-Type") != APPLY:
                raise
            return self._new(request, request.data)
        data, metadata = request.data, request.data.get("metadata", {})
        wanted = metadata.get("resourceVersion")
        if wanted is not None and wanted != before["metadata"]["resourceVersion"]:
            raise _Conflict(message="the object has been modified")
        after = copy.deepcopy(before)
        after["metadata"].update({name: value for name, value in metadata.items() if name != "resourceVersion"})
        if request.resource is not None and request.resource.plural == "pods":
            after["status"] = copy.deepcopy(data.get("status", {}))  # nobody else plays the kubelet
        for part in ("spec", "data"):
            if part in data:
                merged = request.headers.get("Content-Type") != APPLY and part in before
                after[part] = {**before[part], **data[part]} if merged else copy.deepcopy(data[part])
        return self._respecified(before, after)

    def _respecified(self, before: Object, after: Object) -> Object:
        if before.get("spec") == after.get("spec"):
            return after
        metadata = {**after["metadata"], "generation": before["metadata"].get("generation", 1) + 1}
        return {**after, "metadata": metadata}

    async def _written(self, request: kmock.Request, after: Object) -> aiohttp.web.StreamResponse:
        resource = request.resource
        assert resource is not None
        if resource.plural == "deployments":
            replicas = after["spec"]["replicas"]
            ready = replicas if self.behaviour.deployments_ready else 0
            after = {**after, "status": {"replicas": replicas, "readyReplicas": ready}}
        self._touch(after)
        metadata = after["metadata"]
        gone = metadata.get("deletionTimestamp") and not metadata.get("finalizers")
        key = (resource, request.namespace, metadata["name"])
        async with self._lock:
            kind = "MODIFIED" if key in self.objects and not self.objects[key].deleted else "ADDED"
            self.objects[key] = after
            if gone:
                self.objects[key].delete()
            await self._buses[resource].put({"type": "DELETED" if gone else kind, "object": after})
        await self._collect()
        return aiohttp.web.json_response(after)

    def _listed(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        selector = dict(part.split("=") for part in request.params.get("labelSelector", "").split(",") if part)
        items = [
            found.raw
            for (resource, namespace, _), found in self.objects.items()
            if resource == request.resource and not found.deleted and request.namespace in (None, namespace)
            if selector.items() <= found["metadata"].get("labels", {}).items()
        ]
        return aiohttp.web.json_response({"metadata": {"resourceVersion": str(next(self.versions))}, "items": items})

    def _touch(self, raw: Object) -> None:
        raw["metadata"]["resourceVersion"] = str(next(self.versions))

    async def _collect(self) -> None:
        """What belongs to nobody any more goes, unless a finalizer holds it."""
        async with self._lock:
            live = [(key, found) for key, found in self.objects.items() if not found.deleted]
            uids = {found["metadata"].get("uid") for _, found in live}
            for key, found in live:
                owners = found["metadata"].get("ownerReferences", [])
                if owners and not any(owner["uid"] in uids for owner in owners):
                    raw = found.raw
                    found.delete()
                    await self._buses[key[0]].put({"type": "DELETED", "object": raw})


def _pruned(status: Object) -> Object:
    """As the schema of a pipeline has it, which has no word of what only a StreamJob's rollover reads."""
    kept = {name: value for name, value in status.items() if name not in STREAMJOBS_ONLY}
    if "rollover" in kept:
        kept["rollover"] = {name: value for name, value in kept["rollover"].items() if name not in STREAMJOBS_ONLY}
    return kept


class _Conflict(kmock.KubernetesError):
    def __init__(self, message: str) -> None:
        super().__init__(status=409, reason="Conflict", message=message)


class _BadRequest(kmock.KubernetesError):
    def __init__(self, message: str) -> None:
        super().__init__(status=400, reason="BadRequest", message=message)


class _Invalid(kmock.KubernetesError):
    def __init__(self, message: str) -> None:
        super().__init__(status=422, reason="Invalid", message=message)


def _about(request: kmock.Request) -> bool:
    return request.resource is not None and bool(request.resource.plural)


def _right(request: kmock.Request) -> tuple[str, str]:
    assert request.resource is not None
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    read = "watch" if request.action == kmock.action.WATCH else "list" if request.name is None else "get"
    part = f"/{request.subresource}" if request.subresource else ""
    return f"{request.resource.plural}{part}", verbs.get(request.method.value.upper(), read)


class ApiServer:
    """What a test has of it; every call runs in the server's own thread."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self._loop = asyncio.new_event_loop()
        self._up, self._end = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self.url = ""

    @property
    def config(self) -> KubeConfig:
        """For clients."""
        return KubeConfig.from_one(cluster=Cluster(server=self.url), user=User(token="t"), namespace="default")

    def find(self, plural: str, name: str, namespace: str = "default") -> Object | None:
        """The object as it is now."""
        return next((one for one in self.all(plural, namespace) if one["metadata"]["name"] == name), None)

    def all(self, plural: str, namespace: str = "default") -> list[Object]:
        """All objects of a kind."""

        async def read() -> list[Object]:
            return [
                copy.deepcopy(found.raw)
                for (resource, where, _), found in self._emulator.objects.items()
                if (resource.plural, where) == (plural, namespace) and not found.deleted
            ]

        return asyncio.run_coroutine_threadsafe(read(), self._loop).result(10)

    def names(self, plural: str, namespace: str = "default") -> list[str]:
        """Of all objects of a kind."""
        return sorted(one["metadata"]["name"] for one in self.all(plural, namespace))

    def used(self, by: str) -> set[tuple[str, str]]:
        """Resource and verb, as rights name them, of all requests by a client so far."""

        async def read() -> set[tuple[str, str]]:
            return {_right(one) for one in self._emulator if by in one.headers.get("User-Agent", "") and _about(one)}

        return asyncio.run_coroutine_threadsafe(read(), self._loop).result(10)

    async def _serve(self) -> None:
        self._emulator = Emulator(self.behaviour)
        async with self._emulator, kmock.Server(self._emulator) as server:
            self.url = str(server.url).rstrip("/")
            self._up.set()
            await self._end.wait()

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()
        assert self._up.wait(10)

    def stop(self) -> None:
        """End it; clients are cut off. Fine when it has ended."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def serving() -> Iterator[ApiServer]:
    """An API server for a test."""
    server = ApiServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
