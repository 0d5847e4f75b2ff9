/** What bundlers make of `ncsn_bg.wasm`, where they are told to put it among a page's files. */
declare const address: string;
export default address;
