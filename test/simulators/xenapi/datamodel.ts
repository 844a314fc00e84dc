import { HOST_REST, POOL_REST, VM_REST } from "./surroundings.ts";

/**
 * The classes of XenAPI that the simulator keeps, field by field as the API reference has them: what each holds, and
 * who may set it. A client is told nothing that is not declared here.
 */
export type FieldType = "string" | "int" | "float" | "bool" | "datetime" | "ref" | "set" | "map" | "refMap";

/** `RO`: the server's; `C`: given at creation; `RW`: settable, with add_to/remove_from for maps and add/remove for sets. */
export type Qualifier = "RO" | "C" | "RW";

export interface Field {
  readonly type: FieldType;
  readonly qualifier: Qualifier;
  /** Words of an enumeration; what clients send in another case is taken as well. */
  readonly words?: readonly string[];
}

export type ClassName =
  | "pool"
  | "host"
  | "SR"
  | "PBD"
  | "VDI"
  | "VBD"
  | "VM"
  | "SM"
  | "task"
  | "session"
  | "_storage"
  | "_volume";

/** What lies on the storage itself, whether or not an SR of the pool shows it: no class of the API. */
export const HIDDEN: ReadonlySet<ClassName> = new Set(["_storage", "_volume"]);

const ro = (type: FieldType): Field => ({ type, qualifier: "RO" });
const given = (type: FieldType, words?: readonly string[]): Field => ({
  type,
  qualifier: "C",
  ...(words === undefined ? {} : { words }),
});
const rw = (type: FieldType, words?: readonly string[]): Field => ({
  type,
  qualifier: "RW",
  ...(words === undefined ? {} : { words }),
});

const OPERATIONS = { allowed_operations: ro("set"), current_operations: ro("map") };

const VDI_TYPES = [
  "system",
  "user",
  "ephemeral",
  "suspend",
  "crashdump",
  "ha_statefile",
  "metadata",
  "redo_log",
  "rrd",
  "pvs_cache",
  "cbt_metadata",
];

export const CLASSES: Readonly<Record<ClassName, Readonly<Record<string, Field>>>> = {
  pool: {
    ...POOL_REST,
    uuid: ro("string"),
    name_label: rw("string"),
    name_description: rw("string"),
    master: ro("ref"),
    default_SR: rw("ref"),
    suspend_image_SR: rw("ref"),
    crash_dump_SR: rw("ref"),
    other_config: rw("map"),
    ha_enabled: ro("bool"),
    tags: rw("set"),
    gui_config: rw("map"),
    restrictions: ro("map"),
    cpu_info: ro("map"),
    ...OPERATIONS,
  },
  host: {
    ...HOST_REST,
    uuid: ro("string"),
    name_label: rw("string"),
    name_description: rw("string"),
    ...OPERATIONS,
    API_version_major: ro("int"),
    API_version_minor: ro("int"),
    API_version_vendor: ro("string"),
    enabled: ro("bool"),
    software_version: ro("map"),
    other_config: rw("map"),
    capabilities: ro("set"),
    hostname: rw("string"),
    address: rw("string"),
    PBDs: ro("set"),
    resident_VMs: ro("set"),
    suspend_image_sr: rw("ref"),
    crash_dump_sr: rw("ref"),
    tags: rw("set"),
    iscsi_iqn: ro("string"),
    control_domain: ro("ref"),
  },
  SR: {
    uuid: ro("string"),
    name_label: given("string"),
    name_description: given("string"),
    ...OPERATIONS,
    VDIs: ro("set"),
    PBDs: ro("set"),
    virtual_allocation: ro("int"),
    physical_utilisation: ro("int"),
    physical_size: given("int"),
    type: given("string"),
    content_type: given("string"),
    shared: ro("bool"),
    other_config: rw("map"),
    tags: rw("set"),
    sm_config: rw("map"),
    blobs: ro("refMap"),
    local_cache_enabled: ro("bool"),
    introduced_by: ro("ref"),
    clustered: ro("bool"),
    is_tools_sr: ro("bool"),
  },
  PBD: {
    uuid: ro("string"),
    host: given("ref"),
    SR: given("ref"),
    device_config: given("map"),
    currently_attached: ro("bool"),
    other_config: rw("map"),
  },
  VDI: {
    uuid: ro("string"),
    name_label: given("string"),
    name_description: given("string"),
    ...OPERATIONS,
    SR: given("ref"),
    VBDs: ro("set"),
    crash_dumps: ro("set"),
    virtual_size: given("int"),
    physical_utilisation: ro("int"),
    type: given("string", VDI_TYPES),
    sharable: given("bool"),
    read_only: given("bool"),
    other_config: rw("map"),
    storage_lock: ro("bool"),
    location: ro("string"),
    managed: ro("bool"),
    missing: ro("bool"),
    parent: ro("ref"),
    xenstore_data: rw("map"),
    sm_config: rw("map"),
    is_a_snapshot: ro("bool"),
    snapshot_of: ro("ref"),
    snapshots: ro("set"),
    snapshot_time: ro("datetime"),
    tags: rw("set"),
    allow_caching: ro("bool"),
    on_boot: ro("string"),
    metadata_of_pool: ro("ref"),
    metadata_latest: ro("bool"),
    is_tools_iso: ro("bool"),
    cbt_enabled: ro("bool"),
  },
  VBD: {
    uuid: ro("string"),
    ...OPERATIONS,
    VM: given("ref"),
    VDI: given("ref"),
    device: ro("string"),
    userdevice: rw("string"),
    bootable: rw("bool"),
    mode: given("string", ["RO", "RW"]),
    type: rw("string", ["CD", "Disk", "Floppy"]),
    unpluggable: rw("bool"),
    storage_lock: ro("bool"),
    empty: given("bool"),
    other_config: rw("map"),
    currently_attached: ro("bool"),
    status_code: ro("int"),
    status_detail: ro("string"),
    runtime_properties: ro("map"),
    qos_algorithm_type: rw("string"),
    qos_algorithm_params: rw("map"),
    qos_supported_algorithms: ro("set"),
    metrics: ro("ref"),
  },
  VM: {
    ...VM_REST,
    uuid: ro("string"),
    name_label: rw("string"),
    name_description: rw("string"),
    ...OPERATIONS,
    power_state: ro("string"),
    is_a_template: rw("bool"),
    is_a_snapshot: ro("bool"),
    is_control_domain: ro("bool"),
    resident_on: ro("ref"),
    affinity: rw("ref"),
    domid: ro("int"),
    VBDs: ro("set"),
    other_config: rw("map"),
    tags: rw("set"),
  },
  SM: {
    uuid: ro("string"),
    name_label: ro("string"),
    name_description: ro("string"),
    type: ro("string"),
    vendor: ro("string"),
    copyright: ro("string"),
    version: ro("string"),
    required_api_version: ro("string"),
    configuration: ro("map"),
    capabilities: ro("set"),
    features: ro("refMap"),
    other_config: rw("map"),
    driver_filename: ro("string"),
    required_cluster_stack: ro("set"),
  },
  task: {
    uuid: ro("string"),
    name_label: ro("string"),
    name_description: ro("string"),
    ...OPERATIONS,
    created: ro("datetime"),
    finished: ro("datetime"),
    status: ro("string"),
    resident_on: ro("ref"),
    progress: ro("float"),
    type: ro("string"),
    result: ro("string"),
    error_info: ro("set"),
    other_config: rw("map"),
    subtask_of: ro("ref"),
    subtasks: ro("set"),
    backtrace: ro("string"),
  },
  session: {
    uuid: ro("string"),
    this_host: ro("ref"),
    this_user: ro("ref"),
    last_active: ro("datetime"),
    pool: ro("bool"),
    other_config: rw("map"),
    is_local_superuser: ro("bool"),
    subject: ro("ref"),
    validation_time: ro("datetime"),
    auth_user_sid: ro("string"),
    auth_user_name: ro("string"),
    rbac_permissions: ro("set"),
    tasks: ro("set"),
    parent: ro("ref"),
    originator: ro("string"),
    client_certificate: ro("bool"),
  },
  _storage: {
    uuid: ro("string"),
    type: ro("string"),
    place: ro("string"),
    quota_bytes: ro("int"),
    thin: ro("bool"),
  },
  _volume: {
    uuid: ro("string"),
    storage: ro("ref"),
    virtual_bytes: ro("int"),
    data_bytes: ro("int"),
    parent: ro("string"),
    hidden: ro("bool"),
    raw: ro("bool"),
    read_only: ro("bool"),
    taken: ro("bool"),
    lun: ro("map"),
    name: ro("string"),
  },
};

/** Objects of these can be asked for by name. */
export const NAMED: ReadonlySet<ClassName> = new Set(["host", "SR", "VDI", "VM", "SM", "task"]);

/** Lists that are the other end of a reference: kept by the database, never written. */
export const RELATIONS: readonly {
  readonly of: ClassName;
  readonly by: string;
  readonly to: ClassName;
  readonly list: string;
}[] = [
  { of: "VDI", by: "SR", to: "SR", list: "VDIs" },
  { of: "PBD", by: "SR", to: "SR", list: "PBDs" },
  { of: "PBD", by: "host", to: "host", list: "PBDs" },
  { of: "VBD", by: "VDI", to: "VDI", list: "VBDs" },
  { of: "VBD", by: "VM", to: "VM", list: "VBDs" },
  { of: "VDI", by: "snapshot_of", to: "VDI", list: "snapshots" },
  { of: "VM", by: "resident_on", to: "host", list: "resident_VMs" },
  { of: "_volume", by: "storage", to: "_storage", list: "volumes" },
];

export function classNamed(name: string): ClassName | null {
  const found = Object.keys(CLASSES).find((known) => known.toLowerCase() === name.toLowerCase());
  return found !== undefined && isClass(found) && !HIDDEN.has(found) ? found : null;
}

export function isClass(name: string): name is ClassName {
  return Object.hasOwn(CLASSES, name);
}
