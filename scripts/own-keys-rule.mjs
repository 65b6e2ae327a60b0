import ts from 'typescript';

/**
 * A plain object that is asked for a key from outside (a name, a path, a word of a file) answers `constructor`, `toString` and `__proto__` too, with
 * what every object inherits. So a key of type `string` may neither index an object nor be asked for with `in`: such things are Maps, or are asked
 * by `Object.hasOwn` first. Keys that the types enumerate are fine.
 */
export const ownKeys = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      plain:
        'A key that may be any text reads what every object inherits (constructor, __proto__): use a Map, or Object.hasOwn first.',
    },
  },
  create(context) {
    const { program, esTreeNodeToTSNodeMap } = context.sourceCode.parserServices;
    const checker = program.getTypeChecker();
    const typeOf = (node) => checker.getTypeAtLocation(esTreeNodeToTSNodeMap.get(node));
    const parts = (type) => (type.isUnion() ? type.types : [type]);
    const isAnyText = (node) => parts(typeOf(node)).some(({ flags }) => (flags & ts.TypeFlags.String) !== 0);
    const isPlain = (node) =>
      parts(typeOf(node)).some(
        (type) => (type.flags & ts.TypeFlags.Object) !== 0 && !checker.isArrayType(type) && !checker.isTupleType(type),
      );
    /** `Object.hasOwn(o, key) ? o[key] : …`, `if (Object.hasOwn(o, key)) …`, `Object.hasOwn(o, key) && …` around it. */
    const isGuarded = (node, object, key) => {
      const wanted = `Object.hasOwn(${context.sourceCode.getText(object)}, ${context.sourceCode.getText(key)})`;
      for (let at = node; at.parent; at = at.parent) {
        const { parent } = at;
        const test = parent.type === 'LogicalExpression' ? parent.left : parent.test;
        if (test && test !== at && context.sourceCode.getText(test).includes(wanted)) return true;
      }
      return false;
    };
    return {
      MemberExpression(node) {
        if (!node.computed || !isAnyText(node.property) || !isPlain(node.object)) return;
        if (isGuarded(node, node.object, node.property)) return;
        context.report({ node, messageId: 'plain' });
      },
      BinaryExpression(node) {
        if (node.operator === 'in' && isAnyText(node.left)) context.report({ node, messageId: 'plain' });
      },
    };
  },
};
