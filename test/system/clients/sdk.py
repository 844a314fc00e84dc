"""The whole life of a volume by openstacksdk; prints one line of JSON a step. Arguments: the endpoint, the project."""

import json
import sys

import openstack

endpoint, project = sys.argv[1:3]
cloud = openstack.connection.Connection(
    auth_type="none",
    endpoint=f"{endpoint}/v3/{project}",
    block_storage_endpoint_override=f"{endpoint}/v3/{project}",
    block_storage_api_version="3",
    region_name="test",
)
volumes = cloud.block_storage


def tell(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


def wait(thing, status="available"):
    return volumes.wait_for_status(thing, status=status, failures=["error"], interval=0.2, wait=60)


volume = wait(volumes.create_volume(name="first", size=1, volume_type="gold", metadata={"colour": "red"}))
tell("created", id=volume.id, size=volume.size, metadata=volume.metadata, zone=volume.availability_zone)
tell("listed", names=[one.name for one in volumes.volumes(details=True, limit=1)])
tell("found", id=volumes.find_volume("first").id)
volumes.extend_volume(volume, 2)
tell("extended", size=wait(volumes.get_volume(volume)).size)
snapshot = wait(volumes.create_snapshot(name="then", volume_id=volume.id))
tell("snapshot", volume=snapshot.volume_id, size=snapshot.size)
copy = wait(volumes.create_volume(name="copy", snapshot_id=snapshot.id, size=2))
tell("copied", snapshot=copy.snapshot_id)
tell("types", names=sorted(one.name for one in volumes.types()))
tell("pools", count=len(list(volumes.backend_pools())))
for thing, delete in ((copy, volumes.delete_volume), (snapshot, volumes.delete_snapshot), (volume, volumes.delete_volume)):
    delete(thing)
    volumes.wait_for_delete(thing, interval=0.2, wait=60)
tell("deleted", left=len(list(volumes.volumes())))
