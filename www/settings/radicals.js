// @ts-check
/** What the 214 Kangxi radicals mean, in their order. The page fetches this for models whose classes these are. */

const NAMES =
  "one, line, dot, slash, second, hook, two, lid, person, legs, enter, eight, down box, cover, " +
  "ice, table, open box, knife, power, wrap, spoon, right open box, hiding place, ten, " +
  "divination, seal, cliff, private, again, mouth, enclosure, earth, scholar, go, go slowly, " +
  "evening, big, woman, child, roof, inch, small, lame, corpse, sprout, mountain, river, work, " +
  "oneself, turban, dry, short thread, dotted cliff, long stride, two hands, shoot, bow, snout, " +
  "bristle, step, heart, halberd, door, hand, branch, rap, script, dipper, axe, square, not, " +
  "sun, say, moon, tree, lack, stop, death, weapon, do not, compare, fur, clan, steam, water, " +
  "fire, claw, father, trigram, split wood, slice, fang, cow, dog, profound, jade, melon, tile, " +
  "sweet, life, use, field, bolt of cloth, sickness, footsteps, white, skin, dish, eye, spear, " +
  "arrow, stone, spirit, track, grain, cave, stand, bamboo, rice, silk, jar, net, sheep, " +
  "feather, old, and, plow, ear, brush, meat, minister, self, arrive, mortar, tongue, oppose, " +
  "boat, stopping, color, grass, tiger, insect, blood, walk, clothes, west, see, horn, speech, " +
  "valley, bean, pig, badger, shell, red, run, foot, body, cart, bitter, morning, walking, city, " +
  "wine, distinguish, village, gold, long, gate, mound, slave, short-tailed bird, rain, blue, " +
  "wrong, face, leather, tanned leather, leek, sound, page, wind, fly, eat, head, fragrance, " +
  "horse, bone, tall, hair, fight, sacrificial wine, cauldron, ghost, fish, bird, salt, deer, " +
  "wheat, hemp, yellow, millet, black, embroidery, frog, tripod, drum, rat, nose, even, tooth, " +
  "dragon, turtle, flute";

/** Two of them, in any order of classes. */
const SOME = ["085-水", "195-魚"];

/**
 * The meanings of classes that are named after radicals, such as “195-魚”.
 * @param {string[]} classes their names
 * @returns {Map<string, string> | undefined} by name; nothing if these are other classes
 */
export function meaningsOf(classes) {
  if (!SOME.every((name) => classes.includes(name))) return undefined;
  const names = NAMES.split(", ");
  return new Map(classes.map((name) => [name, names[parseInt(name, 10) - 1] ?? ""]));
}
