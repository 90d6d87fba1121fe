"""The things of the large world beside those of the small one, a line of names for each kind.

A name is one word. "wolf/wolves" gives a plural that takes more than an s, "teddy=teddy bear" the
drawing of another name, "jeans*" a word that is always plural, "bread+" one that is not counted.
Owns: the tables. Does not own: their pictures (`world.image.drawings`).
"""

THINGS = {
    "animal": (
        "gorilla, orangutan, poodle, wolf/wolves, raccoon, tiger, leopard, moose/moose, donkey, "
        "unicorn, zebra, deer/deer, bison/bison, ox/oxen, boar, ram, goat, camel, llama, giraffe, "
        "mammoth, rhino=rhinoceros, hippo=hippopotamus, mouse/mice, rat, hamster, chipmunk, "
        "beaver, hedgehog, bat, koala, sloth, otter, skunk, kangaroo, badger, turkey, rooster, "
        "chick=baby chick, bird, dove, eagle, duck, swan, dodo, flamingo, peacock, parrot, "
        "goose/geese, crocodile, lizard, snake, dragon, dinosaur=T-Rex, dolphin, seal, shark, "
        "jellyfish/jellyfish, crab, lobster, shrimp/shrimp, squid/squid, oyster, snail, bug, ant, "
        "beetle, ladybug=lady beetle, cricket, spider, scorpion, mosquito/mosquitoes, fly/flies, "
        "worm"
    ),
    "plant": (
        "bouquet, rose, tulip, lotus/lotuses, hibiscus/hibiscuses, hyacinth, seedling, palm=palm "
        "tree, pine=evergreen tree, herb, clover=four leaf clover, leaf=maple leaf/leaves, "
        "flower=blossom"
    ),
    "food": (
        "melon, tangerine, lemon, pineapple, mango/mangoes, pear, peach/peaches, cherries*, "
        "blueberries*, kiwi=kiwi fruit, tomato/tomatoes, olive, coconut, avocado, eggplant, "
        "potato/potatoes, carrot, corn=ear of corn+, pepper=bell pepper, chili=hot pepper, "
        "cucumber, lettuce=leafy green+, broccoli+, garlic+, onion, peanuts*, beans*, chestnut, "
        "ginger=ginger root+, peas=pea pod*, bread+, croissant, baguette=baguette bread, pretzel, "
        "bagel, pancakes*, waffle, cheese=cheese wedge+, steak=cut of meat, bacon+, fries=french "
        "fries*, hotdog=hot dog, sandwich/sandwiches, taco, burrito, egg, salad=green salad, "
        "popcorn+, butter+, salt+, rice=cooked rice+, curry=curry rice+, noodles=steaming bowl*, "
        "spaghetti+, sushi+, dumpling, cookie, cupcake, pie, chocolate=chocolate bar+, candy+, "
        "lollipop, custard+, honey=honey pot+, milk=glass of milk+, coffee=hot beverage+, "
        "juice=beverage box+"
    ),
    "vehicle": (
        "tram, minibus/minibuses, ambulance, taxi, truck=delivery truck, pickup=pickup truck, "
        "lorry=articulated lorry/lorries, jeep=sport utility vehicle, tractor, motorcycle, "
        "scooter=motor scooter, wheelchair=manual wheelchair, rickshaw=auto rickshaw, canoe, "
        "speedboat, ferry/ferries, ship, ufo=flying saucer"
    ),
    "building": (
        "stadium, temple=classical building, hut, hospital, bank, school, factory/factories, "
        "castle, church/churches, mosque, synagogue, fountain, tent"
    ),
    "nature": (
        "mountain, volcano/volcanoes, rock, wood+, planet=ringed planet, tornado/tornadoes, "
        "rainbow, snowflake, comet, drop=droplet, wave=water wave, shell=spiral shell, coral, "
        "feather, nest=nest with eggs, ice+"
    ),
    "instrument": ("saxophone, accordion, banjo, maracas*, flute, horn=postal horn"),
    "clothes": (
        "glasses*, sunglasses*, goggles*, vest=safety vest, jeans*, scarf/scarves, gloves*, coat, "
        "socks*, dress/dresses, swimsuit=one-piece swimsuit, shorts*, blouse=woman's clothes, "
        "sandal=thong sandal, shoe=man's shoe, sneaker=running shoe, boot=hiking boot, "
        "hat=woman's hat, cap=billed cap, helmet=military helmet, ring"
    ),
    "tool": (
        "spoon, knife=kitchen knife/knives, chopsticks*, pencil, pen, paintbrush/paintbrushes, "
        "crayon, ruler=straight ruler, scissors*, hammer, axe, pickaxe=pick, saw=carpentry saw, "
        "wrench/wrenches, screwdriver, clamp, ladder, toolbox/toolboxes, needle=sewing needle, "
        "broom, plunger, razor, toothbrush/toothbrushes, microscope, telescope, stethoscope, "
        "magnet, compass/compasses, thermometer, stopwatch/stopwatches, scale=balance scale, "
        "flashlight"
    ),
    "toy": (
        "skateboard, football=soccer ball, baseball, basketball, volleyball, racket=tennis, "
        "frisbee=flying disc, skate=ice skate, skis*, sled, dartboard=bullseye, kite, "
        "gamepad=video game, joystick, dice=game die*, puzzle=puzzle piece, teddy=teddy bear, "
        "pawn=chess pawn, boomerang"
    ),
    "furniture": (
        "door, mirror, bed, couch=couch and lamp/couches, chair, toilet, shower, bathtub, "
        "cabinet=file cabinet"
    ),
    "machine": (
        "phone=telephone, radio, laptop, computer=desktop computer, printer, keyboard, camera, "
        "television, projector=film projector, microphone, headphones=headphone*, "
        "battery/batteries, satellite, parachute, watch/watches, megaphone"
    ),
    "object": (
        "map=world map, wheel, anchor, suitcase=luggage, hourglass=hourglass done/hourglasses, "
        "umbrella, snowman/snowmen, pumpkin=jack-o-lantern, firecracker, ribbon, gift=wrapped "
        "gift, ticket, trophy/trophies, wand=magic wand, palette=artist palette, yarn+, knot, "
        "fan=folding hand fan, purse, handbag, backpack, lipstick, teapot, jar, candle, "
        "bulb=light bulb, lantern=red paper lantern, bookmark, package, briefcase, folder=file "
        "folder, notebook=spiral notepad, wastebasket, lock=locked, key, swords=crossed swords*, "
        "shield, gear, chain=chains, hook, pill, bandage=adhesive bandage, crutch/crutches, "
        "mousetrap=mouse trap, basket, bucket, soap+, bubbles*, sponge, extinguisher=fire "
        "extinguisher, cart=shopping cart"
    ),
}
"""Kind -> names."""
SYNONYMS = {
    "plane": "airplane jet", "phone": "telephone", "couch": "sofa", "bicycle": "bike",
    "car": "automobile", "rabbit": "bunny", "dog": "puppy", "cat": "kitten kitty", "horse": "pony",
    "motorcycle": "motorbike", "burger": "hamburger", "doughnut": "donut", "gem": "diamond jewel",
    "taxi": "cab", "gift": "present", "rhino": "rhinoceros", "hippo": "hippopotamus",
    "lantern": "lamp", "coat": "jacket", "handbag": "bag", "package": "box", "ram": "sheep",
    "ox": "bull", "bison": "buffalo", "rock": "stone", "crocodile": "alligator", "boat": "yacht",
    "rocket": "spaceship", "sneaker": "trainer", "wastebasket": "bin", "television": "tv",
}  # fmt: skip
"""Name -> words that mean the same to somebody who asks for a picture."""
