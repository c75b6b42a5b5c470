/* Long tokens as a film of small codes (NUT-16): the parts of a uniform resource (BCR-2020-005,
   type "bytes"), shown in turn. A reader that missed one waits for it to come round again. It reads
   the parts that carry one piece each; those in which pieces are mixed are let pass. */
"use strict";
const Animated = (() => {
  const WORDS = (
    "ableacidalsoapexaquaarchatomauntawayaxisbackbaldbarnbeltbetabiasbluebodybragbrewbulbbuzzcalmcash"
    + "catschefcityclawcodecolacookcostcruxcurlcuspcyandarkdatadaysdelidicedietdoordowndrawdropdrumdull"
    + "dutyeacheasyechoedgeepicevenexamexiteyesfactfairfernfigsfilmfishfizzflapflewfluxfoxyfreefrogfuel"
    + "fundgalagamegeargemsgiftgirlglowgoodgraygrimgurugushgyrohalfhanghardhawkheathelphighhillholyhope"
    + "hornhutsicedideaidleinchinkyintoirisironitemjadejazzjoinjoltjowljudojugsjumpjunkjurykeepkenokept"
    + "keyskickkilnkingkitekiwiknoblamblavalazyleaflegsliarlimplionlistlogoloudloveluaulucklungmainmany"
    + "mathmazememomenumeowmildmintmissmonknailnavyneednewsnextnoonnotenumbobeyoboeomitonyxopenovalowls"
    + "paidpartpeckplaypluspoempoolposepuffpumapurrquadquizraceramprealredorichroadrockroofrubyruinruns"
    + "rustsafesagascarsetssilkskewslotsoapsolosongstubsurfswantacotasktaxitenttiedtimetinytoiltombtoys"
    + "triptunatwinuglyundouniturgeuservastveryvetovialvibeviewvisavoidvowswallwandwarmwaspwavewaxywebs"
    + "whatwhenwhizwolfworkyankyawnyellyogayurtzapszerozestzinczonezoom"
  );
  const PART_BYTES = 120;
  const FRAME_MS = 250;

  function crc32(bytes) {
    let crc = 0xffffffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return (crc ^ 0xffffffff) >>> 0;
  }

  const four = (value) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

  /** The head of a CBOR item (RFC 8949, 3). */
  function head(major, value) {
    const type = major << 5;
    if (value < 24) return [type | value];
    if (value < 256) return [type | 24, value];
    if (value < 65536) return [type | 25, value >> 8, value & 255];
    return [type | 26, ...four(value)];
  }

  /** Bytewords (BCR-2020-012), the first and last letter of each. */
  const letters = (bytes) => [...bytes, ...four(crc32(bytes))]
    .map((byte) => WORDS[byte * 4] + WORDS[byte * 4 + 3]).join("");

  /** The parts of a text, each for one code. */
  function parts(text) {
    const bytes = new TextEncoder().encode(text);
    const message = [...head(2, bytes.length), ...bytes];
    const count = Math.ceil(message.length / PART_BYTES);
    const size = Math.ceil(message.length / count);
    const sum = crc32(message);
    return Array.from({ length: count }, (_, index) => {
      const piece = message.slice(index * size, (index + 1) * size);
      while (piece.length < size) piece.push(0);
      const part = [0x85, ...head(0, index + 1), ...head(0, count), ...head(0, message.length),
        ...head(0, sum), ...head(2, size), ...piece];
      return `ur:bytes/${index + 1}-${count}/${letters(part)}`;
    });
  }

  /** Show a token in `place`: one code, or a film until the place is emptied or left. */
  function show(place, text, label) {
    if (text.length <= 400) {
      place.replaceChildren(Client.code(text, label));
      return;
    }
    const frames = parts(text).map((part) => Client.code(part.toUpperCase(), label));
    let shown = 0;
    place.replaceChildren(frames[0]);
    const timer = setInterval(() => {
      if (!frames[shown].isConnected) { clearInterval(timer); return; }
      shown = (shown + 1) % frames.length;
      place.replaceChildren(frames[shown]);
    }, FRAME_MS);
  }

  const BYTES = new Map(Array.from({ length: 256 }, (_, byte) => [WORDS[byte * 4] + WORDS[byte * 4 + 3], byte]));

  /** The bytes behind letters; null: they are no bytewords, or were not seen right. */
  function unwrapped(words) {
    const bytes = (words.match(/../g) ?? []).map((word) => BYTES.get(word));
    const body = bytes.slice(0, -4);
    return letters(body) === words ? body : null;
  }

  /** The item of CBOR that begins at `at`: its value (or length), and where what follows begins. */
  function item(bytes, at) {
    const low = bytes[at] & 31;
    const size = { 24: 1, 25: 2, 26: 4 }[low] ?? 0;
    let value = size ? 0 : low;
    for (let index = 1; index <= size; index += 1) value = value * 256 + bytes[at + index];
    return { value, next: at + 1 + size };
  }

  /** The text of a CBOR byte string. */
  const plain = (bytes) => new TextDecoder().decode(new Uint8Array(bytes.slice(item(bytes, 0).next)));

  /** Takes what one code after the other reads, and tells the text as soon as it has all of it. */
  function reader() {
    const pieces = new Map();
    let series = "";
    let count = 0;

    function take(code) {
      const [, many, words] = /^ur:bytes\/(\d+-\d+\/)?([a-z]+)$/.exec(code.toLowerCase()) ?? [];
      const body = words ? unwrapped(words) : null;
      if (body === null) return null;
      if (!many) return plain(body);
      const fields = [];
      for (let at = 1; fields.length < 5;) {
        const { value, next } = item(body, at);
        fields.push(value);
        at = next;
      }
      const [number, all, length, sum, size] = fields;
      if (number < 1 || number > all) return null;
      const its = [all, length, sum].join();
      if (its !== series) pieces.clear();
      [series, count] = [its, all];
      pieces.set(number, body.slice(-size));
      if (pieces.size < all) return null;
      const whole = Array.from({ length: all }, (_, index) => pieces.get(index + 1)).flat().slice(0, length);
      if (crc32(whole) === sum) return plain(whole);
      pieces.clear();
      return null;
    }

    return { take, progress: () => ({ have: pieces.size, count }) };
  }

  return { parts, reader, show };
})();
