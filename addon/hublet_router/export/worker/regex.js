// Runs the small programs that hublet_router/export/pattern.py makes of regular expressions.
//
// It walks the same ways in the same order as Python's `re`, whose bound the table's loader has
// checked, so it finds the same match in the same time. JavaScript's own expressions differ: `$`
// before a last line feed, `\w` and `\b` outside ASCII, groups in repeats, possessive repeats.

const FUEL = 2_000_000; // steps of one search; the loader's bound keeps patterns far below
const GREEDY = -1, WAY = -2; // kinds of frames; all others are lazy: the instruction to try again

export class Pattern {
  constructor({ code, sets }) {
    this.code = code.map(([op, a, b, c, d]) => ({ op, a, b, c, d }));
    this.sets = sets.map(characters);
    this.anchored = code[0][0] === "at" && code[0][1] === "start";
    this.first = this.#first();
  }

  // The characters below 256 that a match may begin with, where that is plain; null otherwise.
  #first() {
    const { op, a, b } = this.code.find((it) => it.op !== "at" && it.op !== "open");
    if (op === "text") return Uint8Array.from({ length: 256 }, (_, code) => code === a[0]);
    return op === "set" || (op === "run" && b > 0) ? this.sets[a].low : null;
  }

  // The text of the one group ("" if it took no part) at the first match; null without a match.
  search(text) {
    if (this.anchored && this.first?.[text.charCodeAt(0)] === 0) return null;
    const codes = /[\ud800-\udfff]/.test(text) ? [...text].map((it) => it.codePointAt(0)) : null;
    const machine = new Machine(this, text, codes), { first } = this;
    const last = this.anchored ? 0 : machine.size;
    for (let start = 0; start <= last; start++) {
      if (first !== null && first[machine.at(start)] === 0) continue;
      machine.open = machine.close = -1;
      if (machine.run(0, start) >= 0) return machine.group();
    }
    return null;
  }
}

// Membership of a set: a byte for each of Latin-1, and the ranges that go on above.
function characters(ranges) {
  const low = new Uint8Array(256), high = [];
  for (let i = 0; i < ranges.length; i += 2) {
    for (let code = ranges[i]; code <= Math.min(ranges[i + 1], 255); code++) low[code] = 1;
    if (ranges[i + 1] > 255) high.push(ranges[i], ranges[i + 1]);
  }
  return { low, high };
}

function holds({ low, high }, code) {
  if (code < 256) return low[code] === 1;
  for (let i = 0; i < high.length; i += 2) if (code <= high[i + 1]) return code >= high[i];
  return false;
}

class Machine {
  fuel = FUEL;
  open = -1;
  close = -1;

  constructor({ code, sets }, text, codes) {
    [this.code, this.sets, this.text, this.codes] = [code, sets, text, codes];
    this.size = codes === null ? text.length : codes.length;
  }

  at(index) {
    return this.codes === null ? this.text.charCodeAt(index) : this.codes[index];
  }

  isIn(set, index) {
    return index >= 0 && index < this.size && holds(this.sets[set], this.at(index));
  }

  group() {
    if (this.close < 0) return "";
    if (this.codes === null) return this.text.slice(this.open, this.close);
    return this.codes.slice(this.open, this.close).map((it) => String.fromCodePoint(it)).join("");
  }

  // Where the match from this instruction and place on ends, -1 if there is none.
  run(from, start) {
    const ways = []; // what else to try, with the group as it was
    const push = (kind, pc, here, bound) =>
      ways.push({ kind, pc, here, bound, open: this.open, close: this.close });
    for (let pc = from, here = start; ;) {
      if (--this.fuel < 0) throw new Error("a pattern takes too long");
      const { op, a, b, c, d } = this.code[pc++];
      let ok = true;
      switch (op) {
        case "text":
          ok = a.every((code, i) => this.at(here + i) === code);
          here += a.length;
          break;
        case "set":
          ok = this.isIn(a, here++);
          break;
        case "run": { // set, at least, at most (-1: no bound), and how
          const most = c < 0 ? this.size : Math.min(this.size, here + c);
          const enough = here + b, stop = d === "lazy" ? Math.min(enough, most) : most;
          while (here < stop && holds(this.sets[a], this.at(here))) here++, this.fuel--;
          ok = here >= enough;
          if (ok && d === "lazy") push(pc - 1, pc, here, most);
          if (ok && d === "greedy" && here > enough) push(GREEDY, pc, here, enough);
          break;
        }
        case "either":
          push(WAY, b, here, 0);
          pc = a;
          break;
        case "jump":
          pc = a;
          break;
        case "open":
          this.begin = here;
          break;
        case "close":
          this.open = this.begin;
          this.close = here;
          break;
        case "at":
          ok = this.stands(a, b, c, here);
          break;
        case "ahead": {
          const { open, close } = this;
          ok = this.run(pc, here) >= 0 !== b;
          if (b) Object.assign(this, { open, close });
          pc = a;
          break;
        }
        case "atomic":
          here = this.run(pc, here);
          ok = here >= 0;
          pc = a;
          break;
        case "match":
          return here;
        default:
          throw new Error("an unknown instruction");
      }
      while (!ok) {
        if (ways.length === 0) return -1;
        const way = ways.pop(), { kind, bound } = way;
        [pc, here, this.open, this.close, ok] = [way.pc, way.here, way.open, way.close, true];
        if (kind === GREEDY && --here > bound) push(kind, pc, here, bound);
        if (kind >= 0) {
          ok = here < bound && this.isIn(this.code[kind].a, here);
          if (ok) push(kind, pc, ++here, bound);
        }
      }
    }
  }

  stands(kind, set, ofEmpty, here) {
    const { size } = this;
    switch (kind) {
      case "start":
        return here === 0;
      case "line":
        return here === 0 || this.at(here - 1) === 10;
      case "end":
        return here === size || (here === size - 1 && this.at(here) === 10);
      case "line-end":
        return here === size || this.at(here) === 10;
      case "very-end":
        return here === size;
      default: // between a character of the set and one that is none, or "inside": not so
        if (size === 0) return ofEmpty;
        return (this.isIn(set, here - 1) !== this.isIn(set, here)) === (kind === "edge");
    }
  }
}
