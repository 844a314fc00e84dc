/** What a cluster allows, as GetLimits tells it: the figures differ from release to release. */
export const LIMITS = {
  accountCountMax: 5000,
  accountNameLengthMax: 64,
  accountNameLengthMin: 1,
  bulkVolumeJobsPerNodeMax: 8,
  bulkVolumeJobsPerVolumeMax: 2,
  cloneJobsPerNodeMax: 8,
  cloneJobsPerVolumeMax: 2,
  clusterAdminAccountMax: 5000,
  clusterPairsCountMax: 4,
  fibreChannelVolumeAccessMax: 16_384,
  initiatorAliasLengthMax: 224,
  initiatorCountMax: 10_000,
  initiatorNameLengthMax: 224,
  initiatorsPerVolumeAccessGroupCountMax: 128,
  iscsiSessionsFromFibreChannelNodesMax: 4096,
  qosPolicyCountMax: 500,
  scheduleNameLengthMax: 244,
  secretLengthMax: 16,
  secretLengthMin: 12,
  snapshotNameLengthMax: 64,
  snapshotsPerVolumeMax: 32,
  virtualVolumeCountMax: 8000,
  virtualVolumesPerAccountCountMax: 10_000,
  volumeAccessGroupCountMax: 1000,
  volumeAccessGroupLunMax: 16_383,
  volumeAccessGroupNameLengthMax: 64,
  volumeAccessGroupNameLengthMin: 1,
  volumeAccessGroupsPerInitiatorCountMax: 1,
  volumeAccessGroupsPerVolumeCountMax: 4,
  volumeBurstIOPSMax: 200_000,
  volumeBurstIOPSMin: 100,
  volumeCountMax: 4000,
  volumeMaxIOPSMax: 200_000,
  volumeMaxIOPSMin: 100,
  volumeMinIOPSMax: 15_000,
  volumeMinIOPSMin: 50,
  volumeNameLengthMax: 64,
  volumeNameLengthMin: 1,
  volumeSizeMax: 17_592_186_044_416,
  volumeSizeMin: 1_000_000_000,
  volumesPerAccountCountMax: 2000,
  volumesPerGroupSnapshotMax: 32,
  volumesPerVolumeAccessGroupCountMax: 2000,
};
export type Limits = Readonly<typeof LIMITS>;

export const MAX_ATTRIBUTES_BYTES = 1000;
/** Sizes are rounded up to this. */
export const SIZE_STEP_BYTES = 1024 ** 2;

/** The relative cost of an I/O by its size; the same for all. */
export const CURVE = {
  "4096": 100,
  "8192": 160,
  "16384": 270,
  "32768": 500,
  "65536": 1000,
  "131072": 1950,
  "262144": 3900,
  "524288": 7600,
  "1048576": 15_000,
};

export const DEFAULT_QOS = { minIOPS: 50, maxIOPS: 15_000, burstIOPS: 15_000, burstTime: 60 };

export const API_VERSIONS = [
  ...["1.0", "2.0", "3.0", "4.0", "5.0", "5.1", "6.0", "7.0", "7.1", "7.2", "7.3", "7.4"],
  ...["8.0", "8.1", "8.2", "8.3", "8.4", "8.5", "8.6", "8.7", "9.0", "9.1", "9.2", "9.3", "9.4", "9.5", "9.6"],
  ...["10.0", "10.1", "10.2", "10.3", "10.4", "10.5", "10.6", "10.7", "11.0", "11.1", "11.3", "11.5", "11.7", "11.8"],
];
export const CURRENT_VERSION = "11.8";
