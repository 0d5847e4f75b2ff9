// @ts-check
/** Defines the element `<ncsn-sampler>`. */
import { NcsnSamplerElement } from "./sampler-element.js";

export { NcsnSamplerElement };

const NAME = "ncsn-sampler";

// On a server there are no elements, and two copies of the package may be on a page.
if (globalThis.customElements && !customElements.get(NAME))
  customElements.define(NAME, NcsnSamplerElement);
