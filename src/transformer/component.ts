/**
 * A component is what a search keeps or prunes as a whole: one attention head or one MLP (paper, section 2).
 * It is a sum type so that finer kinds can join it.
 */
export type Component =
  | { readonly kind: "head"; readonly layer: number; readonly head: number }
  | { readonly kind: "mlp"; readonly layer: number };

/** The component's name within its layer, as traces and circuit files write it: "head.3", "mlp". */
export function componentName(component: Component): string {
  return component.kind === "head" ? `head.${component.head}` : "mlp";
}

/** A component's name in the whole model: "3.head.1", "3.mlp". */
export function nameOf(component: Component): string {
  return `${component.layer}.${componentName(component)}`;
}
