import type { Field, FieldType, Qualifier } from "./datamodel.ts";

/**
 * What pools, hosts and machines have beside what storage is about: here it is empty, but it is there, for clients show
 * whole records.
 */
function all(qualifier: Qualifier, type: FieldType, names: string): Readonly<Record<string, Field>> {
  return Object.fromEntries(names.split(" ").map((name) => [name, { type, qualifier }]));
}

export const POOL_REST = {
  ...all("RO", "map", "ha_configuration blobs guest_agent_config"),
  ...all("RO", "set", "ha_statefiles metadata_VDIs repositories"),
  ...all("RO", "int", "ha_host_failures_to_tolerate ha_plan_exists_for local_auth_max_threads"),
  ...all("RO", "int", "ext_auth_max_threads update_sync_day"),
  ...all("RW", "bool", "ha_allow_overcommit wlb_enabled wlb_verify_cert policy_no_vendor_device"),
  ...all("RW", "bool", "live_patching_disabled is_psr_pending migration_compression coordinator_bias"),
  ...all("RO", "bool", "ha_overcommitted redo_log_enabled igmp_snooping_enabled tls_verification_enabled"),
  ...all("RO", "bool", "client_certificate_auth_enabled update_sync_enabled"),
  ...all("RW", "map", "health_check_config"),
  ...all("RO", "string", "wlb_url wlb_username vswitch_controller ha_cluster_stack uefi_certificates"),
  ...all("RO", "string", "custom_uefi_certificates client_certificate_auth_name repository_proxy_url"),
  ...all("RO", "string", "repository_proxy_username telemetry_frequency update_sync_frequency"),
  ...all("RO", "ref", "redo_log_vdi repository_proxy_password telemetry_uuid"),
  ...all("RO", "datetime", "telemetry_next_collection last_update_sync"),
};

export const HOST_REST = {
  ...all("RO", "int", "memory_overhead"),
  ...all("RO", "map", "API_version_vendor_implementation cpu_configuration cpu_info license_params blobs"),
  ...all("RO", "map", "external_auth_configuration bios_strings power_on_config chipset_info"),
  ...all("RO", "string", "sched_policy external_auth_type external_auth_service_name edition power_on_mode"),
  ...all("RO", "string", "uefi_certificates latest_synced_updates_applied numa_affinity_policy last_update_hash"),
  ...all("RO", "set", "supported_bootloaders PIFs crashdumps patches updates host_CPUs ha_statefiles"),
  ...all("RO", "set", "ha_network_peers PCIs PGPUs PUSBs virtual_hardware_platform_versions"),
  ...all("RO", "set", "updates_requiring_reboot features certificates editions pending_guidances"),
  ...all("RO", "set", "pending_guidances_recommended pending_guidances_full"),
  ...all("RW", "map", "logging license_server guest_VCPUs_params"),
  ...all("RO", "ref", "metrics local_cache_sr"),
  ...all("RO", "bool", "ssl_legacy multipathing tls_verification_enabled https_only"),
  ...all("RW", "string", "display"),
  ...all("RO", "datetime", "last_software_update"),
};

export const VM_REST = {
  ...all("RW", "int", "user_version hardware_platform_version"),
  ...all("RO", "bool", "is_default_template ha_always_run is_snapshot_from_vmpp is_vmss_snapshot"),
  ...all("RO", "bool", "has_vendor_device requires_reboot"),
  ...all("RO", "ref", "suspend_VDI scheduled_to_be_resident_on metrics guest_metrics snapshot_of parent"),
  ...all("RO", "ref", "protection_policy snapshot_schedule appliance"),
  ...all("RO", "int", "memory_overhead memory_target memory_static_max memory_dynamic_max memory_dynamic_min"),
  ...all("RO", "int", "memory_static_min VCPUs_max VCPUs_at_startup start_delay shutdown_delay order version"),
  ...all("RW", "map", "VCPUs_params HVM_boot_params platform xenstore_data blocked_operations"),
  ...all("RW", "string", "actions_after_softreboot actions_after_shutdown actions_after_reboot PV_bootloader"),
  ...all("RW", "string", "PV_kernel PV_ramdisk PV_args PV_bootloader_args PV_legacy_args PCI_bus"),
  ...all("RW", "string", "recommendations"),
  ...all("RO", "string", "actions_after_crash HVM_boot_policy domarch last_booted_record ha_restart_priority"),
  ...all("RO", "string", "transportable_snapshot_id snapshot_metadata generation_id reference_label domain_type"),
  ...all("RO", "set", "consoles VIFs VUSBs crash_dumps VTPMs snapshots children VGPUs attached_PCIs"),
  ...all("RO", "set", "pending_guidances pending_guidances_recommended pending_guidances_full"),
  ...all("RO", "float", "HVM_shadow_multiplier"),
  ...all("RO", "map", "last_boot_CPU_flags blobs snapshot_info bios_strings NVRAM"),
  ...all("RO", "datetime", "snapshot_time"),
  ...all("RW", "ref", "suspend_SR"),
};
