// Text as Python has it, and the formats of credentials: hublet_router/core/formats.py and
// json_documents.py. Bytes are text with one character each.

const MAX_NESTING = 1000;

const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACES = new RegExp(`[${SPACE}]+`, "g");
const IS_SPACE = new RegExp(`[${SPACE}]`);
const replacing = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const withoutMark = (text) => text.replace(/^\ufeff/, "");

export function strip(text, set = IS_SPACE) {
  let start = 0, end = text.length;
  while (start < end && set.test(text[start])) start++;
  while (start < end && set.test(text[end - 1])) end--;
  return text.slice(start, end);
}

export function stripEnd(text, set) {
  let end = text.length;
  while (end > 0 && set.test(text[end - 1])) end--;
  return text.slice(0, end);
}

export function partition(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}

export function bytes(text) {
  const data = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i);
  return data;
}

// The text of UTF-8, null where it is none.
export function decodedStrictly(data) {
  try {
    return strict.decode(bytes(data));
  } catch {
    return null;
  }
}

export const unquoteBytes = (text) =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));

export const unescapeText = (text) =>
  text.replaceAll("%u", "\\u").replaceAll("\\/", "/").replace(CHARACTER, (_, u, x) => {
    const code = parseInt(u ?? x ?? "20", 16);
    return code < 256 ? String.fromCharCode(code) : " ";
  });
const CHARACTER = /\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|[bfnrt])/g;

export const unquotePairs = (text) => text.replace(
  /\\([0-3][0-7]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 8)),
).replaceAll("\\", "");

export function unquote(text) {
  if (!text.includes("%")) return text;
  return text.replace(/[\0-\x7f]+/g, (run) => {
    const plain = unquoteBytes(run);
    return /[\x80-\xff]/.test(plain) ? replacing.decode(bytes(plain)) : plain;
  });
}

// ---- formats

// The bytes, null where the text is no base64.
export function decodeBase64(text) {
  const found = /^([A-Za-z0-9+/_-]*)(={0,2})$/.exec(stripEnd(text, /=/).replace(SPACES, ""));
  if (!found) return null;
  const [, data, { length: pads }] = found, over = data.length % 4;
  if (over === 1 || (pads > 0 && over !== 2 && !(over === 3 && pads === 1))) return null;
  return atob(data.replaceAll("-", "+").replaceAll("_", "/"));
}

// As Node and PHP decode it: they skip what is outside of the alphabet.
export function decodeLeniently(text) {
  const plain = text.replace(/[^A-Za-z0-9+/_-]/g, "").replaceAll("-", "+").replaceAll("_", "/");
  return atob(plain.length % 4 === 1 ? plain.slice(0, -1) : plain);
}

// [number, wire type, bytes] of each field, null where it is no such message.
export function protobufFields(message, lenient = false) {
  const fields = [], groups = [], end = message.length, broken = lenient ? fields : null;
  let at = 0;
  const varint = () => { // its low 32 bits, -1 where it does not end
    for (let value = 0, i = 0; i < 10 && at < end; i++) {
      const byte = message.charCodeAt(at++);
      if (i < 5) value = (value | ((byte & 0x7f) << (7 * i))) >>> 0;
      if (byte < 0x80) return value;
    }
    return -1;
  };
  while (at < end) {
    const tag = varint(), kind = tag & 7, number = tag >>> 3;
    if (tag < (lenient ? 0 : 8)) return broken;
    let start = at, isOdd = number === 0;
    if (kind === 0) {
      while (message.charCodeAt(at++) > 0x7f);
      isOdd ||= at - start > 10;
      if (isOdd && !lenient) return broken;
    } else if (kind === 2) {
      const size = varint();
      if (size < 0) return broken;
      at = (start = at) + size;
    } else if (kind === 1 || kind === 5) {
      at += kind === 1 ? 8 : 4;
    } else if (kind === 3) {
      groups.push(number);
    } else if (kind !== 4 || groups.pop() !== number) {
      return broken;
    }
    if (groups.length === 0 && kind !== 4 && at <= end && !isOdd) fields.push([number, kind, message.slice(start, at)]);
  }
  return at > end || groups.length > 0 ? broken : fields;
}

// The strings and brackets of JSON, and how deep each bracket leads.
const PIECES = /"(?:[^"\\]|\\[^])*"?|[[\]{}]/g;
const STEPS = { "[": 1, "{": 1, "]": -1, "}": -1 };

function isTooDeep(data) {
  let depth = 0;
  const isDeeper = ([it]) => (depth += STEPS[it] ?? 0) > MAX_NESTING;
  return data.split(/[[{]/).length > MAX_NESTING && [...data.matchAll(PIECES)].some(isDeeper);
}

// The tree of text that is JSON. A number becomes text; and each name gets a number first, `0:name`,
// since JSON.parse keeps but one of two equal names.
function treeOf(text) {
  let count = 0;
  const tokens = /"(?:[^"\\]|\\.)*"(?=([ \t\n\r]*:)?)|-?[0-9][-+.0-9Ee]*/g;
  return JSON.parse(text.replace(tokens, (it, colon) => {
    if (it[0] === '"') return colon ? `"${count++}:${it.slice(1)}` : it;
    const isWhole = /[.Ee]/.test(it) && Number.isSafeInteger(Number(it));
    return `"${isWhole ? BigInt(Number(it)) : it}"`;
  }));
}

// The document, undefined where it is none.
export function parseJson(data) {
  try {
    const text = withoutMark(strict.decode(bytes(data)));
    JSON.parse(text);
    return isTooDeep(data) ? undefined : treeOf(text);
  } catch {
    return undefined;
  }
}

const foldKey = (name) => name.toLowerCase().replaceAll("-", "_").replaceAll("\u017f", "s");

export function stringsAt(tree, path) {
  const found = [];
  const walk = (node, rest) => {
    if (Array.isArray(node)) {
      for (const item of node) walk(item, rest);
    } else if (typeof node === "string") {
      const text = rest === null && strip(node);
      if (text) found.push(text);
    } else if (rest !== null) {
      const [head, tail] = partition(rest, ".");
      for (const [name, value] of Object.entries(node ?? {})) {
        const key = foldKey(partition(name, ":")[1]);
        if (key === rest) walk(value, null);
        else if (key === head) walk(value, tail);
      }
    }
  };
  walk(tree, foldKey(path));
  return found;
}

// The same, and each word that may stand there in what is no JSON: parsers take much that is none.
export function lenientStrings(data, path) {
  const plain = data.replaceAll("\0", "");
  if (!/^[ \t\r\n\xef\xbb\xbf\xfe\xff]*[{[/]/.test(plain)) return [];
  const tree = parseJson(plain);
  if (tree !== undefined) return stringsAt(tree, path);
  const text = replacing.decode(bytes(unescapeText(plain)));
  return [...(text.match(/[A-Za-z0-9_.-]+/g) ?? []), ...text.split(/["'`]/)];
}
