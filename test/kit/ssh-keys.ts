import ssh2 from "ssh2";

/** A pair in OpenSSH's form. One in some hundred of those that ssh2 makes, it cannot read itself. */
export function newSshKeys(): { readonly private: string; readonly public: string } {
  for (;;) {
    const made = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(made.private) instanceof Error)) return made;
  }
}
