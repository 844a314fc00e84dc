import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Credentials } from "#agent/transport/credentials.ts";
import type { SshRunner } from "#agent/transport/ssh/runner.ts";
import { Secret } from "#shared/secret.ts";
import { callContext, driverTools } from "#test/kit/driver-context.ts";
import { type StartedSimulator, startSimulator } from "../simulators/kit/start.ts";
import { methodOf, simulator as solaris } from "../simulators/solaris/simulator.ts";

const MIB = 1024 ** 2;

/** What a host of the documentation answers, and a client of somebody else's relies on. */
describe("the simulated Solaris host", () => {
  let folder: string;
  let simulator: StartedSimulator;
  const shells = new Map<string, SshRunner>();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-solaris-"));
    simulator = await start();
  });
  afterEach(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(): Promise<StartedSimulator> {
    return await startSimulator(solaris, { dataFolder: folder, capacityGib: 1, iscsi: false });
  }

  async function stop(): Promise<void> {
    for (const shell of shells.values()) shell.close();
    shells.clear();
    await simulator[Symbol.asyncDispose]();
  }

  /** The line as it is, as a user of that name. */
  async function as(
    user: string,
    line: string,
    input = "",
  ): Promise<{ out: string; err: string; code: number | null }> {
    const [host = "", port] = simulator.ready.address.split(":");
    const login = { login: user, password: new Secret(simulator.ready.credentials.password ?? ""), privateKey: null };
    const shell =
      shells.get(user) ??
      driverTools(folder).ssh({
        host,
        port: Number(port),
        credentials: new Credentials(async () => login),
        hostKey: null,
        maxConcurrentCalls: 4,
        tries: 1,
        quoting: (argument) => argument,
      });
    shells.set(user, shell);
    const { stdout, stderr, exitCode } = await shell.run(callContext(), [line], {
      changes: true,
      answers: "all",
      input,
    });
    return { out: stdout, err: stderr, code: exitCode };
  }

  const root = (line: string, input?: string) => as("root", line, input);

  /** One after another; each says nothing, and ends with 0. */
  async function silently(...lines: readonly string[]): Promise<void> {
    for (const line of lines) expect(await root(line), line).toEqual({ out: "", err: "", code: 0 });
  }

  async function refusal(line: string): Promise<string> {
    const { out, err, code } = await root(line);
    expect({ out, code }, line).toEqual({ out: "", code: 1 });
    return err;
  }

  describe("its shell", () => {
    test("quotes, joins, pipes and redirects", async () => {
      for (const [line, out] of [
        [`echo 'a  b' "c d" e\\ f`, "a  b c d e f\n"],
        ["true && echo yes || echo no", "yes\n"],
        ["false && echo yes || echo no", "no\n"],
        ["false; echo $?", "1\n"],
        [`x='1 2'; echo "$x" $x`, "1 2 1 2\n"],
        ["echo one > /tmp/f; echo two >> /tmp/f; cat /tmp/f | grep -v one | awk '{print $1}'", "two\n"],
        ["cat < /tmp/none 2>&1", ""],
        ["zfs nonsense 2>/dev/null; echo $?", "2\n"],
        [`sh -c 'for n in "$@"; do echo "<$n>"; done' sh a 'b c'`, "<a>\n<b c>\n"],
        [`sh -c 'cat > "$1"; cat "$1"; rm -f "$1"; test -f "$1" || echo gone' sh /tmp/s`, "from the client\ngone\n"],
      ] as const)
        expect((await root(line, "from the client")).out, line).toBe(out);
      expect(await root("nothing-of-that-name")).toMatchObject({
        code: 127,
        err: "sh: nothing-of-that-name: not found\n",
      });
      expect(await root("echo 'open")).toMatchObject({ code: 2 });
      expect(await root("exit 7; echo never")).toEqual({ out: "", err: "", code: 7 });
    });

    test("a pipeline as old clients send it finds a unit", async () => {
      await silently("zfs create -s -V 64M rpool/v1");
      await root("sbdadm create-lu /dev/zvol/rdsk/rpool/v1");
      const { out } = await root("/usr/sbin/sbdadm list-lu | grep -v GUID | awk '/rpool.v1/ {print $1}'");
      expect(out).toMatch(/^600144f0[0-9a-f]{24}\n$/);
    });

    test("calls are named by the program and what it is to do", () => {
      expect(methodOf("pfexec /usr/sbin/zfs create -V 1G rpool/x")).toBe("zfs create");
      expect(methodOf("'pfexec' '/usr/sbin/stmfadm' 'add-view' -n 0 X")).toBe("stmfadm add-view");
      expect(methodOf("svcs -H -o state stmf")).toBe("svcs");
    });
  });

  describe("zfs", () => {
    test("makes volumes, and refuses in libzfs's words", async () => {
      await silently("zfs create -s -V 64M rpool/v1", "zfs create -V 64M -b 4K -o org.x:y='a b' rpool/v2");
      for (const [line, words] of [
        ["zfs create -V 64M rpool/v1", "cannot create 'rpool/v1': dataset already exists"],
        ["zfs create -V 2G rpool/v3", "cannot create 'rpool/v3': out of space"],
        ["zfs create -V 64M tank/v3", "cannot create 'tank/v3': no such pool 'tank'"],
        ["zfs create -V 64M rpool/a/v3", "cannot create 'rpool/a/v3': parent does not exist"],
        [
          "zfs create -V 1000 rpool/v3",
          "cannot create 'rpool/v3': volume size must be a multiple of volume block size",
        ],
        ["zfs create -V 0 rpool/v3", "cannot create 'rpool/v3': volume size cannot be zero"],
        ["zfs destroy rpool/none", "cannot open 'rpool/none': dataset does not exist"],
        [
          "zfs set volsize=1000 rpool/v1",
          "cannot set property for 'rpool/v1': 'volsize' must be a multiple of volume block size (8K)",
        ],
        [
          "zfs set volsize=4G rpool/v2",
          "cannot set property for 'rpool/v2': 'volsize' size is greater than available space",
        ],
        ["zfs promote rpool/v1", "cannot promote 'rpool/v1': not a cloned filesystem"],
        ["zfs list rpool/none", "cannot open 'rpool/none': dataset does not exist"],
      ] as const)
        expect(await refusal(line), line).toBe(`${words}\n`);
      expect((await root("zfs create -V")).code).toBe(2);
      expect((await root("zfs get -H -o value org.x:y rpool/v2")).out).toBe("a b\n");
    });

    test("tells sizes for people and for programs", async () => {
      await silently(
        "zfs create -s -V 1536M rpool/v1",
        "zfs snapshot -o org.x:own=1 rpool/v1@s",
        "zfs set org.x:y=z rpool/v1",
      );
      expect((await root("zfs get -Hp -o value volsize,volblocksize rpool/v1")).out).toBe(`${1536 * MIB}\n8192\n`);
      expect((await root("zfs list -H -o name,volsize,refreservation rpool/v1")).out).toBe("rpool/v1\t1.50G\tnone\n");
      expect((await root("zfs list -Hp -o volsize,refreservation rpool/v1")).out).toBe(`${1536 * MIB}\t0\n`);
      expect((await root("zfs get -H org.x:y,org.x:own rpool/v1@s")).out).toBe(
        "rpool/v1@s\torg.x:y\tz\tinherited from rpool/v1\nrpool/v1@s\torg.x:own\t1\tlocal\n",
      );
      expect((await root("zfs list -t snapshot -o name")).out).toBe("NAME\nrpool/v1@s\n");
      expect((await root("zfs list -H -t volume -d 1 -o name rpool/berth")).err).toBe("no datasets available\n");
      const partly = await root("zfs list -H -o name rpool/v1 rpool/none");
      expect(partly).toEqual({ out: "rpool/v1\n", err: "cannot open 'rpool/none': dataset does not exist\n", code: 1 });
    });

    test("a thick volume takes its size and its block pointers at once, a thin one nothing; what is free ends", async () => {
      const free = async () => Number((await root("zfs get -Hp -o value available rpool")).out);
      const all = await free();
      expect(all).toBe(1024 * MIB);
      await silently("zfs create -s -V 10G rpool/thin");
      expect(await free()).toBe(all);
      await silently("zfs create -V 512M rpool/thick");
      const taken = all - (await free());
      expect(taken).toBe(Number((await root("zfs get -Hp -o value refreservation rpool/thick")).out));
      expect(taken).toBeGreaterThan(512 * MIB);
      expect(taken).toBeLessThan(530 * MIB);
      await silently("zfs set volsize=640M rpool/thick");
      expect(Number((await root("zfs get -Hp -o value refreservation rpool/thick")).out)).toBeGreaterThan(640 * MIB);
      expect(await refusal("zfs create -V 512M rpool/more")).toContain("out of space");
      expect((await root("zpool list -Hp -o name,size,health rpool")).out).toBe(`rpool\t${1024 * MIB}\tONLINE\n`);
      await silently("zfs destroy rpool/thick");
      expect(await free()).toBe(all);
    });

    test("clones hold their origin, until it is promoted away or told to go with them", async () => {
      await silently("zfs create -s -V 64M rpool/v", "zfs snapshot rpool/v@a", "zfs clone rpool/v@a rpool/c");
      expect(await refusal("zfs destroy rpool/v")).toBe(
        "cannot destroy 'rpool/v': volume has children\nuse '-r' to destroy the following datasets:\nrpool/v@a\n",
      );
      expect(await refusal("zfs destroy -r rpool/v")).toContain("volume has dependent clones");
      expect(await refusal("zfs destroy rpool/v@a")).toContain("snapshot has dependent clones");
      await silently("zfs promote rpool/c");
      expect((await root("zfs get -H -o value origin rpool/v rpool/c")).out).toBe("rpool/c@a\n-\n");
      await silently("zfs destroy -d rpool/c@a");
      expect((await root("zfs get -H -o value defer_destroy rpool/c@a")).out).toBe("on\n");
      await silently("zfs destroy rpool/v");
      expect(await refusal("zfs list rpool/c@a")).toContain("does not exist");
    });

    test("goes back to the newest snapshot only, or removes the newer", async () => {
      await silently("zfs create -s -V 64M rpool/v", "zfs snapshot rpool/v@a", "zfs set volsize=128M rpool/v");
      await silently("zfs snapshot rpool/v@b");
      expect(await refusal("zfs rollback rpool/v@a")).toContain("more recent snapshots");
      await silently("zfs rollback -r rpool/v@a");
      expect((await root("zfs list -Hp -o volsize rpool/v")).out).toBe(`${64 * MIB}\n`);
      expect(await refusal("zfs list rpool/v@b")).toContain("does not exist");
    });

    test("who may not is told so; what is delegated may be done, there and below", async () => {
      for (const [line, allowed] of [
        ["zfs create -s -V 64M rpool/berth/v", true],
        ["zfs snapshot rpool/berth/v@a", true],
        ["zfs clone rpool/berth/v@a rpool/berth/c", true],
        ["zfs set compression=on rpool/berth/v", false],
        ["zfs create -s -V 64M rpool/v", false],
        ["pfexec zfs create -s -V 64M rpool/v", false],
        ["zfs allow guest create rpool/berth", false],
      ] as const) {
        const { err, code } = await as("berth", line);
        expect(code === 0, line).toBe(allowed);
        if (!allowed) expect(err).toContain("permission denied");
      }
      expect((await as("guest", "zfs destroy rpool/berth/c")).err).toContain("permission denied");
      expect((await as("guest", "zfs list -H -o name rpool/berth/c")).out).toBe("rpool/berth/c\n");
      await silently("zfs unallow berth snapshot rpool/berth");
      expect((await as("berth", "zfs snapshot rpool/berth/v@b")).err).toContain("permission denied");
    });
  });

  describe("COMSTAR", () => {
    const iqn = "iqn.2010-10.org.openstack:volume-1";
    const file = "/dev/zvol/rdsk/rpool/v1";
    let guid: string;
    beforeEach(async () => {
      await silently("zfs create -s -V 64M rpool/v1");
      guid = /: ([0-9A-F]{32})/.exec((await root(`stmfadm create-lu ${file}`)).out)?.[1] ?? "";
    });

    test("a volume is busy while it has a unit, which the two tools print in cases of their own", async () => {
      expect(guid).toMatch(/^600144F0/);
      expect((await root("stmfadm list-lu")).out).toBe(`LU Name: ${guid}\n`);
      expect((await root("sbdadm list-lu")).out).toContain(
        `${guid.toLowerCase()}  ${String(64 * MIB).padEnd(19)}  ${file}\n`,
      );
      expect(await refusal(`stmfadm create-lu ${file}`)).toBe(`stmfadm: filename ${file}: in use\n`);
      expect(await refusal("zfs destroy rpool/v1")).toBe("cannot destroy 'rpool/v1': dataset is busy\n");
      await silently(`sbdadm delete-lu ${guid.toLowerCase()}`);
      expect(await refusal(`stmfadm delete-lu ${guid}`)).toBe(`stmfadm: ${guid.toLowerCase()}: not found\n`);
      expect(await root("sbdadm list-lu")).toEqual({ out: "", err: "", code: 0 });
      expect((await root(`stmfadm import-lu ${file}`)).out).toBe(`Logical unit imported: ${guid}\n`);
      await silently(`stmfadm delete-lu ${guid}`, "zfs destroy rpool/v1");
    });

    test("a unit sees a new size only when it is told", async () => {
      await silently("zfs set volsize=128M rpool/v1");
      expect((await root(`stmfadm list-lu -v ${guid}`)).out).toContain(`    Size              : ${64 * MIB}\n`);
      await silently(`stmfadm modify-lu -s 131072K ${guid}`);
      expect((await root(`stmfadm list-lu -v ${guid}`)).out).toContain(`    Size              : ${128 * MIB}\n`);
      expect(await refusal(`stmfadm modify-lu -s 1G ${guid}`)).toContain("could not set property: size");
    });

    test("targets join a group before they are online, and are in one only", async () => {
      await silently("stmfadm create-tg tg-1", "stmfadm create-tg tg-2", `stmfadm add-tg-member -g tg-1 ${iqn}`);
      expect((await root(`itadm create-target -n ${iqn}`)).out).toBe(`Target ${iqn} successfully created\n`);
      expect(await refusal(`stmfadm add-tg-member -g tg-2 ${iqn}`)).toBe(`stmfadm: ${iqn}: already exists\n`);
      await root("itadm create-target -n iqn.2010-10.org.openstack:other");
      expect(await refusal("stmfadm add-tg-member -g tg-2 iqn.2010-10.org.openstack:other")).toBe(
        "stmfadm: STMF target must be offline\n",
      );
      expect((await root("stmfadm list-tg -v tg-1")).out).toBe(`Target Group: tg-1\n\tMember: ${iqn}\n`);
      expect((await root("itadm list-target")).out.split("\n")[1]).toBe(`${iqn.padEnd(61)}online   0        `);
      const busy = await root(`itadm delete-target ${iqn}`);
      expect(busy).toMatchObject({ code: 16, err: expect.stringContaining("The target is online or busy.") });
      await silently(`stmfadm offline-target ${iqn}`, `itadm delete-target ${iqn}`);
      expect(await root(`itadm delete-target ${iqn}`)).toMatchObject({
        code: 1,
        err: `Target ${iqn} not found\nitadm delete-target failed with error 1\n`,
      });
    });

    test("views: for whom, by which target, as which LUN; groups in use stay", async () => {
      await silently("stmfadm create-hg hg-1", "stmfadm create-hg hg-2", "stmfadm create-tg tg-1");
      expect(await refusal(`stmfadm list-view -l ${guid}`)).toBe(`stmfadm: ${guid}: no views found\n`);
      await silently(`stmfadm add-view -h hg-1 -t tg-1 -n 0 ${guid}`, `stmfadm add-view -h hg-2 -t tg-1 ${guid}`);
      expect(await refusal(`stmfadm add-view -h hg-1 -t tg-1 ${guid}`)).toContain("view entry exists");
      expect(await refusal(`stmfadm add-view -h none ${guid}`)).toContain("invalid host group");
      expect((await root(`stmfadm list-view -l ${guid} 1`)).out).toBe(
        "View Entry: 1\n    Host group   : hg-2\n    Target group : tg-1\n    LUN          : 0\n",
      );
      expect(await refusal("stmfadm delete-hg hg-1")).toBe("stmfadm: hg-1: group is in use by existing view entry\n");
      await silently(`stmfadm remove-view -l ${guid} 0`, "stmfadm delete-hg hg-1", `stmfadm remove-view -l ${guid} -a`);
      await silently("stmfadm add-hg-member -g hg-2 iqn.1993-08.org.debian:01:AB");
      expect((await root("stmfadm list-hg -v")).out).toBe("Host Group: hg-2\n\tMember: iqn.1993-08.org.debian:01:ab\n");
    });

    test("a CHAP secret comes out of a file, and is never told again", async () => {
      const initiator = "iqn.1993-08.org.debian:01:22";
      const order = `echo not-too-short > /tmp/s; itadm create-initiator -u hostA -S /tmp/s ${initiator}`;
      expect(await root(order)).toEqual({ out: "", err: "", code: 0 });
      expect(await root(order)).toMatchObject({
        code: 22,
        err: expect.stringContaining(`Initiator ${initiator} already exists`),
      });
      const { out } = await root("itadm list-initiator");
      expect(out.split("\n")[1]).toBe(`${initiator.padEnd(61)}${"hostA".padEnd(15)}set `);
      expect(await root(`echo short > /tmp/s; itadm modify-initiator -S /tmp/s ${initiator}`)).toMatchObject({
        code: 22,
      });
      expect(await root(`itadm modify-initiator -S /dev/stdin ${initiator}`)).toMatchObject({ code: 9 });
    });

    test("who has no rights may not even look; a service that is down says so", async () => {
      expect((await as("guest", "pfexec stmfadm list-lu")).err).toBe("stmfadm: permission denied\n");
      expect((await as("guest", "itadm list-target")).err).toContain("requires authorization solaris.smf.read.stmf");
      expect((await as("berth", "pfexec stmfadm list-lu")).out).toBe(`LU Name: ${guid}\n`);
      simulator.desk.faults.set("stmf-down");
      expect((await root("stmfadm list-lu")).err).toBe("stmfadm: STMF service not found\n");
      expect((await root("itadm list-target")).err).toContain("The iSCSI target service must be online");
      expect((await root("svcs -H -o state stmf")).out).toBe("offline\n");
    });

    test("all of it outlives the simulator", async () => {
      await silently("stmfadm create-hg hg-1", "zfs snapshot rpool/v1@a", "zfs clone rpool/v1@a rpool/c");
      await stop();
      simulator = await start();
      expect((await root("stmfadm list-lu")).out).toBe(`LU Name: ${guid}\n`);
      expect((await root("stmfadm list-hg")).out).toBe("Host Group: hg-1\n");
      expect((await root("zfs get -H -o value origin rpool/c")).out).toBe("rpool/v1@a\n");
    });
  });

  test.each([
    ["busy-dataset", "zfs destroy rpool/v", { code: 1, err: "cannot destroy 'rpool/v': dataset is busy\n" }],
    ["full", "zfs create -V 64M rpool/w", { code: 1, err: "cannot create 'rpool/w': out of space\n" }],
    ["silent-failure", "zfs snapshot rpool/v@a", { code: 1, err: "", out: "" }],
    ["failure-with-0", "zfs snapshot rpool/v@a", { code: 0, err: "zfs: unknown error\n" }],
    ["suspended", "zfs list", { code: 1, err: "cannot open 'rpool': pool I/O is currently suspended\n" }],
    ["degraded", "zpool list -H -o health", { code: 0, out: "DEGRADED\n" }],
    ["no-pfexec", "pfexec zfs list", { code: 127, err: "sh: pfexec: not found\n" }],
    ["old-zfs", "zfs list -Hp", { code: 2, err: expect.stringContaining("invalid option 'p'") }],
    ["crlf", "zfs list -H -o name rpool/v", { code: 0, out: "rpool/v\r\n" }],
    [
      "stale-configuration",
      "itadm create-target",
      { err: expect.stringContaining("Configuration changed during processing.") },
    ],
    ["refuse", "zfs list", { code: 1, err: "sh: cannot fork - try again\n" }],
  ])("fault %s", async (fault, line, expected) => {
    await silently("zfs create -s -V 64M rpool/v");
    simulator.desk.faults.set(fault);
    expect(await root(line)).toMatchObject(expected);
  });
});
