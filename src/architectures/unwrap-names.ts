/** Removes the prefix that a wrapper of the model put before all tensor names when it was saved. */

/**
 * The prefixes of torch.compile, DataParallel, DeepSpeed and FSDP, and of trainers that keep their model in a
 * field.
 */
const WRAPPERS = ["_orig_mod.", "module.", "_forward_module.", "_fsdp_wrapped_module.", "model."];

/**
 * A prefix is removed only if all names have it, and only until one of them is the family's own.
 * @param isOwn whether a name is one that the family's file needs.
 */
export function unwrapNames<T>(
  weights: ReadonlyMap<string, T>,
  isOwn: (name: string) => boolean,
): ReadonlyMap<string, T> {
  const names = [...weights.keys()];
  if (names.length === 0 || names.some(isOwn)) return weights;
  const wrapper = WRAPPERS.find((prefix) => names.every((name) => name.startsWith(prefix)));
  if (wrapper === undefined) return weights;
  const bare = [...weights].map(([name, weight]) => [name.slice(wrapper.length), weight] as const);
  return unwrapNames(new Map(bare), isOwn);
}
