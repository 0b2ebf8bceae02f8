#!/usr/bin/env bash
# Tell the gender detector that the list is French, "to improve the detection", and Jean, Pierre and François are women: 45 of 50 common
#   men's names. Without the language seven of the 50 are.
#
# Versions: npm gender-detection-from-name 1.11.5, gender-detection 0.1.0, Node 20; PyPI gender-guesser 0.4.0, Python 3.11.
# Input: common first names of men in France, Italy, Germany and Spain, as they stand in lists, with and without the language or country, which
#        each manual offers for names such as Andrea; some accented names.
#
# Most people expect: with the language the answer is better or the same; the doubtful names are Andrea and Camille, not Pierre.
# What happens:
#   gender-detection-from-name   "fr" makes women of Jean, Pierre, Michel, Alain, François, Paul, Henri. With "de" Luca, Kai and René are. Without a
#                                language Andrea, Michele and Daniele are, and of the French Frédéric, Stéphane and Hervé, yet neither Pierre
#                                nor Jean: the test with the usual call passes. With "es", Juan is a woman and José a man.
#   gender-detection             has no language: Jean, Jan and José are women, Hans and Heike are "unisex".
#   gender-guesser               for France calls Özgür, Øyvind, Łukasz and Ágnes "andy" (as often a man as a woman), and knows them without the country;
#                                Émile, Élodie and Éric are unknown in either way, though Eric, Zoé and Hélène are not.
# Why a sender of mail cares: "Chère Madame" to nearly every man of the list, or "Sehr geehrte Frau" to Luca, with the letter right in the test of
#   the programmer. Ask people for their salutation; where it is guessed, look at the share of men it makes, for each language.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib gender-guesser==0.4.0 2> /dev/null
npm install --silent --no-fund --no-audit --ignore-scripts gender-detection-from-name@1.11.5 gender-detection@0.1.0 > /dev/null
cat > see.js <<'JS'
const assert = require('assert'), { getGender } = require('gender-detection-from-name'), { detect } = require('gender-detection');
const men = {
  fr: 'Jean Pierre Michel Philippe Alain Nicolas Patrick Christophe Christian Daniel Bernard Laurent Frédéric Éric Stéphane David Thierry Julien Olivier '
    + 'Gérard Pascal Sébastien François Thomas Alexandre Vincent Bruno Dominique Claude René Marcel André Jacques Louis Henri Georges Roger Robert Guy '
    + 'Serge Marc Paul Antoine Gilles Yves Hervé Xavier Maxime Guillaume Jérôme',
  it: 'Giuseppe Antonio Luigi Paolo Michele Andrea Nicola Luca Simone Gabriele Daniele Mattia',
  de: 'Peter Wolfgang Jürgen Uwe Hans Jan Kai Luca René',
  es: 'José Juan Manuel Carlos Miguel',
};
const women = (language, asked) => men[language].split(' ').filter(name => getGender(name, asked) === 'female');
const seen = {};
for (const language in men) {
  seen[language] = [women(language, language), women(language)];
  console.log(`${language}: with the language ${seen[language][0].join(' ') || 'nobody'}; without ${seen[language][1].join(' ') || 'nobody'}`);
}
const other = Object.fromEntries(['Jean', 'Jan', 'José', 'Hans', 'Heike'].map(name => [name, detect(name)]));
console.log('gender-detection:', JSON.stringify(other));
assert.equal(men.fr.split(' ').length, 50);
assert.equal(seen.fr[0].length, 45);
assert.deepEqual(seen.fr[1], ['Frédéric', 'Stéphane', 'Gérard', 'Sébastien', 'Dominique', 'Gilles', 'Hervé']);
for (const name of ['Jean', 'Pierre', 'Michel', 'Alain', 'François', 'Paul', 'Henri']) assert(seen.fr[0].includes(name) && !seen.fr[1].includes(name));
assert.deepEqual(seen.it, [[], ['Michele', 'Andrea', 'Nicola', 'Simone', 'Gabriele', 'Daniele']]);
assert.deepEqual(seen.de, [['Kai', 'Luca', 'René'], []]);
assert.deepEqual(seen.es, [['Juan'], []]);
assert.deepEqual(other, { Jean: 'female', Jan: 'female', José: 'female', Hans: 'unisex', Heike: 'unisex' });
JS
node see.js || { echo "CHANGED: first names are taken otherwise now"; exit 1; }
cat > see.py <<'PY'
from gender_guesser.detector import Detector

detector = Detector()
alone = {name: detector.get_gender(name) for name in "Özgür Øyvind Łukasz Ágnes Zoé Hélène Émile Élodie Éric Eric".split()}
france = {name: detector.get_gender(name, "france") for name in alone}
print("gender-guesser alone:", alone, "for France:", france, sep="\n  ")
assert alone == dict(Özgür="male", Øyvind="male", Łukasz="male", Ágnes="female", Zoé="female", Hélène="female",
                     Émile="unknown", Élodie="unknown", Éric="unknown", Eric="male")
assert {name for name in france if france[name] == "andy"} == {"Özgür", "Øyvind", "Łukasz", "Ágnes"}
PY
PYTHONPATH=lib python3 see.py || { echo "CHANGED: first names are taken otherwise now"; exit 1; }
echo "SEEN: with the language French, most men of France are women to gender-detection-from-name"
