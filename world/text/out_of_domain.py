"""Out-of-domain requests: objects, subjects and sentences that the model turns down.

Owns: the words, and which of them training never sees. Does not own: the answer
(`world.text.dialogue`).
"""

from hashlib import blake2b

NOUNS = tuple(
    "castle,volcano,dragon,unicorn,robot,spaceship,wizard,knight,princess,king,queen,pirate,ghost,vampire,zombie,"
    "dinosaur,shark,snake,spider,crocodile,giraffe,zebra,camel,wolf,deer,kangaroo,koala,squirrel,hedgehog,bat,"
    "eagle,parrot,flamingo,peacock,swan,duck,goose,dolphin,seal,crab,lobster,snail,worm,ant,mosquito,"
    "bridge,tower,church,hospital,school,factory,stadium,city,village,street,mountain,river,lake,desert,island,"
    "beach,forest,jungle,waterfall,cave,planet,galaxy,comet,satellite,tornado,rainbow,snowman,lightning,"
    "computer,laptop,phone,camera,television,radio,printer,keyboard,battery,lamp,candle,mirror,window,door,"
    "chair,table,bed,sofa,shelf,carpet,curtain,kitchen,oven,fridge,spoon,fork,knife,plate,bottle,cup,teapot,"
    "bread,rice,noodles,soup,salad,sandwich,sushi,taco,cheese,egg,steak,bacon,carrot,potato,tomato,onion,"
    "broccoli,pepper,mango,peach,pear,cherry,lemon,orange juice,coffee,tea,milk,wine,beer,chocolate,"
    "man,woman,boy,girl,baby,doctor,teacher,farmer,soldier,dancer,singer,astronaut,clown,chef,"
    "hat,shoe,sock,glove,scarf,coat,dress,glasses,watch,ring,necklace,umbrella,bag,suitcase,wallet,"
    "hammer,saw,wrench,ladder,bucket,broom,rope,nail,sword,shield,arrow,cannon,flag,map,compass,"
    "football,basketball,tennis racket,skateboard,sled,kite,puzzle,doll,teddy bear,dice,chess board,"
    "motorcycle,truck,tractor,tank,submarine,ship,canoe,tram,ambulance,taxi,skyscraper,windmill,lighthouse".split(
        ","
    )
)
SUBJECTS = tuple(
    "the president,the stock market,football,the weather,politics,history,mathematics,physics,chemistry,"
    "philosophy,religion,love,money,war,the internet,programming,python,javascript,linux,medicine,cooking,"
    "travel,paris,london,new york,china,germany,africa,shakespeare,einstein,napoleon,the moon landing,"
    "quantum mechanics,evolution,dna,vaccines,taxes,the law,cinema,music theory,jazz,opera,poetry,grammar".split(
        ","
    )
)
ASKS = (
    "who is {}?",
    "tell me about {}",
    "what do you think of {}?",
    "explain {}",
    "write an essay about {}",
    "what is the latest news about {}?",
    "why is {} important?",
    "i need help with {}",
)
SENTENCES = (
    "what is 12 times 7?", "solve this equation", "write a poem", "write some code", "translate this to french",
    "book a flight for me", "what time is it?", "what day is it today?", "how old are you in years?",
    "sing a song", "play chess with me", "who won the game?", "what is the capital of france?",
    "how do i bake bread?", "where do you live?", "give me the recipe", "what is the meaning of life?",
    "can you drive?", "how tall is the eiffel tower?", "who wrote hamlet?", "buy me a house",
    "asdf qwerty", "lorem ipsum dolor sit amet", "blah blah blah", "xyzzy", "what should i wear?",
)  # fmt: skip


def is_held_out_text(words: str) -> bool:
    """Return whether an out-of-domain request or phrase is kept from training: one in six."""
    return blake2b(words.encode(), digest_size=4).digest()[0] % 6 == 1
