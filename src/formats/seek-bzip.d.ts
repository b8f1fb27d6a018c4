declare module "seek-bzip" {
  const bunzip: {
    /** Unpack all blocks of `input`, one `writeByte` a byte. */
    decode(input: Uint8Array, output: { writeByte(byte: number): void }): unknown;
  };
  export default bunzip;
}
