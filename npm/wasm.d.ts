/** What the package uses of the script that wasm-bindgen writes. */
declare module "*/ncsn.js" {
  export default function start(from: { module_or_path: Response }): Promise<unknown>;

  export function sampler_parameters(): import("../www/types.js").SamplerParameters;

  export class Model {
    constructor(bytes: Uint8Array);
    static without_weights(head: Uint8Array): Model;
    card(): import("../www/types.js").Card;
    default_strength(): number;
    settings_for(
      sampler: import("../www/types.js").SamplerName,
      sigma_max?: number,
      sigma_min?: number,
    ): import("../www/types.js").SamplerSettings;
    schedule(settings: import("../www/types.js").SamplerSettings, strength?: number): Float32Array;
    free(): void;
  }

  export class Engine {
    static create(name: "fused", model: Model, exact?: boolean): Promise<Engine>;
    beside(model: Model): Engine;
    kernels(model: Model): string[];
    compile(model: Model): void;
    load(model: Model): void;
    precision(): import("../www/types.js").Precision;
    start(
      settings: import("../www/types.js").SamplerSettings,
      seed: bigint,
      first: number,
      chains: number,
      drawing?: Uint8Array,
      strength?: number,
      options?: import("../www/types.js").ChainOptions,
    ): Chains;
    free(): void;
  }

  export class Chains {
    progress(): import("../www/types.js").Progress;
    advance(steps: number): Promise<import("../www/types.js").Progress>;
    pixels(view: import("../www/types.js").View): Promise<Uint8ClampedArray<ArrayBuffer>>;
    verify(): Promise<import("../www/types.js").Fault | undefined>;
    free(): void;
  }
}
