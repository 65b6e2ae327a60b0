/** Names that every JavaScript object inherits, or treats as its own, and that are good names of streams, sessions and servers. */
export const ownNames: readonly string[] = [
  ...Object.getOwnPropertyNames(Object.prototype),
  ...Object.getOwnPropertyNames(Function.prototype).filter((name) => /^\w+$/.test(name)),
].filter((name, index, all) => all.indexOf(name) === index);
