"""The layouts that can be converted, by their name on the command line."""

from model.convert.clip import CLIP
from model.convert.coded import DYNIN, MMADA
from model.convert.dream import DREAM
from model.convert.layout import Layout
from model.convert.llada import LLADA
from model.convert.llama import LLAMA
from model.convert.magvit import MAGVIT
from model.convert.qwen import QWEN
from model.convert.whisper import WHISPER

LAYOUTS: dict[str, Layout] = {
    layout.kind: layout
    for layout in (QWEN, LLAMA, CLIP, WHISPER, LLADA, DREAM, MMADA, DYNIN, MAGVIT)
}
