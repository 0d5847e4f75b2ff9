// @ts-check
/** WebM files of one video track (https://www.webmproject.org/docs/container/), a subset of Matroska (RFC 9559). */
import { joined } from "../dom/joined.js";

/** The names of its elements. */
const ID = {
  EBML: 0x1a45dfa3,
  EBMLVersion: 0x4286,
  EBMLReadVersion: 0x42f7,
  EBMLMaxIDLength: 0x42f2,
  EBMLMaxSizeLength: 0x42f3,
  DocType: 0x4282,
  DocTypeVersion: 0x4287,
  DocTypeReadVersion: 0x4285,
  Segment: 0x18538067,
  Info: 0x1549a966,
  TimestampScale: 0x2ad7b1,
  Duration: 0x4489,
  MuxingApp: 0x4d80,
  WritingApp: 0x5741,
  Tracks: 0x1654ae6b,
  TrackEntry: 0xae,
  TrackNumber: 0xd7,
  TrackUID: 0x73c5,
  TrackType: 0x83,
  FlagLacing: 0x9c,
  CodecID: 0x86,
  Video: 0xe0,
  PixelWidth: 0xb0,
  PixelHeight: 0xba,
  Cues: 0x1c53bb6b,
  CuePoint: 0xbb,
  CueTime: 0xb3,
  CueTrackPositions: 0xb7,
  CueTrack: 0xf7,
  CueClusterPosition: 0xf1,
  Cluster: 0x1f43b675,
  Timestamp: 0xe7,
  SimpleBlock: 0xa3,
};

/** Nanoseconds of the unit of time: milliseconds. */
const TIMESTAMP_SCALE = 1_000_000;
const TRACK = 1;
const VIDEO = 1;
const KEY_FRAME = 0x80;

/** @typedef {{ milliseconds: number, key: boolean, bytes: Uint8Array }} Block a compressed frame */

/** A whole number, big-endian. @param {number} value @param {number} [length] in bytes; as few as possible unless given */
function whole(value, length = Math.max(1, Math.ceil(Math.log2(value + 1) / 8))) {
  const bytes = new Uint8Array(length);
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = value % 256;
    value = Math.floor(value / 256);
  }
  return bytes;
}

/** @param {number} value */
function real(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** @param {string} value */
const text = (value) => new TextEncoder().encode(value);

/** An element: its name, the length of its contents in eight bytes, and these. @param {number} id @param {Uint8Array[]} contents */
function element(id, ...contents) {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const size = whole(length, 8);
  size[0] = 1;
  return joined([whole(id), size, ...contents], Uint8Array);
}

/** A run of frames that begins with one that needs no other. @param {Block[]} blocks */
function cluster(blocks) {
  const [{ milliseconds: start }] = blocks;
  return element(
    ID.Cluster,
    element(ID.Timestamp, whole(start)),
    ...blocks.map(({ milliseconds, key, bytes }) =>
      element(
        ID.SimpleBlock,
        new Uint8Array([0x80 | TRACK]),
        whole(milliseconds - start, 2),
        new Uint8Array([key ? KEY_FRAME : 0]),
        bytes,
      ),
    ),
  );
}

/**
 * @param {{ codec: "V_VP8" | "V_VP9", width: number, height: number, milliseconds: number }} video
 * @param {Block[]} blocks in the order of time; the first of them is a key frame, and there is one at least every
 *   32 seconds
 */
export function webm({ codec, width, height, milliseconds }, blocks) {
  const header = element(
    ID.EBML,
    element(ID.EBMLVersion, whole(1)),
    element(ID.EBMLReadVersion, whole(1)),
    element(ID.EBMLMaxIDLength, whole(4)),
    element(ID.EBMLMaxSizeLength, whole(8)),
    element(ID.DocType, text("webm")),
    element(ID.DocTypeVersion, whole(2)),
    element(ID.DocTypeReadVersion, whole(2)),
  );
  const info = element(
    ID.Info,
    element(ID.TimestampScale, whole(TIMESTAMP_SCALE)),
    element(ID.Duration, real(milliseconds)),
    element(ID.MuxingApp, text("ncsn")),
    element(ID.WritingApp, text("ncsn")),
  );
  const tracks = element(
    ID.Tracks,
    element(
      ID.TrackEntry,
      element(ID.TrackNumber, whole(TRACK)),
      element(ID.TrackUID, whole(TRACK)),
      element(ID.TrackType, whole(VIDEO)),
      element(ID.FlagLacing, whole(0)),
      element(ID.CodecID, text(codec)),
      element(
        ID.Video,
        element(ID.PixelWidth, whole(width)),
        element(ID.PixelHeight, whole(height)),
      ),
    ),
  );
  /** @type {Block[][]} */
  const runs = [];
  for (const block of blocks) {
    if (block.key) runs.push([]);
    runs[runs.length - 1].push(block);
  }
  const clusters = runs.map(cluster);
  // Where each cluster is depends on the length of this index, which always is the same.
  const index = (/** @type {number} */ start) => {
    let at = start;
    return element(
      ID.Cues,
      ...runs.map(([{ milliseconds }], run) => {
        const position = at;
        at += clusters[run].length;
        return element(
          ID.CuePoint,
          element(ID.CueTime, whole(milliseconds, 4)),
          element(
            ID.CueTrackPositions,
            element(ID.CueTrack, whole(TRACK)),
            element(ID.CueClusterPosition, whole(position, 4)),
          ),
        );
      }),
    );
  };
  const start = info.length + tracks.length + index(0).length;
  return joined([header, element(ID.Segment, info, tracks, index(start), ...clusters)], Uint8Array);
}
