import type { Cursor } from '../wire';
import {
  brokenString,
  encodeString,
  encodeTypedData,
  readKnownString,
  readString,
  readTypedData,
  skipTypedData,
  type TypedValue,
} from './typed-data';

/*
 * What frames carry (doc/SPOE.txt 3.2 and 3.4).
 *
 *   HELLO, DISCONNECT   key-value list   [ name, typed data ]...
 *   NOTIFY              messages         [ name, number of arguments (1 byte), key-value list ]...
 *   ACK                 actions          [ action (1 byte), number of arguments (1 byte), arguments ]...
 *                       set-var          1, 3, scope (1 byte), name, typed data
 */
const setVar = 1;
const setVarArguments = 3;
const transactionScope = 2;

const messageNames = [Buffer.from('where')];
const argumentNames = [Buffer.from('stream'), Buffer.from('session')];
const streamArgument = 0;
const sessionArgument = 1;

/** What a NOTIFY asks; an argument that is missing or of a type that it cannot have is undefined. */
export interface Question {
  stream: string | undefined;
  session: string | undefined;
}

/**
 * Reads all messages of a NOTIFY; the first one named `where` is the question, everything else is skipped.
 *
 * @param question is filled; both arguments are undefined when there is no such message.
 * @returns false when the messages cannot be read to their end.
 */
export function readQuestion(cursor: Cursor, question: Question): boolean {
  question.stream = undefined;
  question.session = undefined;
  let found = false;
  while (cursor.offset < cursor.end) {
    const message = readKnownString(cursor, messageNames);
    if (message === brokenString || cursor.offset >= cursor.end) return false;
    const argumentCount = cursor.bytes[cursor.offset++] ?? 0;
    const wanted: boolean = message >= 0 && !found;
    if (!readArguments(cursor, argumentCount, wanted ? question : undefined)) return false;
    found ||= wanted;
  }
  return true;
}

function readArguments(cursor: Cursor, count: number, question: Question | undefined): boolean {
  for (let index = 0; index < count; index++) {
    const name = readKnownString(cursor, argumentNames);
    if (name === brokenString) return false;
    if (question === undefined || name < 0) {
      if (!skipTypedData(cursor)) return false;
      continue;
    }
    const value = readTypedData(cursor);
    if (value === undefined) return false;
    if (name === streamArgument) question.stream = typeof value === 'string' ? value : undefined;
    else if (name === sessionArgument) question.session = typeof value === 'string' ? value : addressText(value);
  }
  return true;
}

/** `set-var(txn.session) src` gives the address as such: it is a session as well as its text is. Undefined for what is no address. */
function addressText(value: TypedValue): string | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  if (value.length === 4) return value.join('.');
  if (value.length !== 16) return undefined;
  return Buffer.from(value).toString('hex').match(/.{4}/g)?.join(':');
}

/** Reads a key-value list to the end of the payload; a repeated key keeps its last value. Undefined when it is broken. */
export function readKeyValues(cursor: Cursor): Map<string, TypedValue> | undefined {
  const values = new Map<string, TypedValue>();
  while (cursor.offset < cursor.end) {
    const key = readString(cursor);
    const value = key === undefined ? undefined : readTypedData(cursor);
    if (key === undefined || value === undefined) return undefined;
    values.set(key, value);
  }
  return values;
}

export function encodeKeyValues(values: Readonly<Record<string, string | number>>): Uint8Array {
  return Buffer.concat(Object.entries(values).flatMap(([key, value]) => [encodeString(key), encodeTypedData(value)]));
}

/** One set-var action in the transaction's scope for each variable. HAProxy puts its configured prefix before the names. */
export function encodeSetVars(variables: Readonly<Record<string, string>>): Uint8Array {
  return Buffer.concat(
    Object.entries(variables).flatMap(([name, value]) => [
      Uint8Array.of(setVar, setVarArguments, transactionScope),
      encodeString(name),
      encodeTypedData(value),
    ]),
  );
}
