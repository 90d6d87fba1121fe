"""The layouts that can be converted, by their name on the command line."""

from model.convert.layout import Layout
from model.convert.layouts.clip import CLIP
from model.convert.layouts.dream import DREAM
from model.convert.layouts.llada import LLADA
from model.convert.layouts.llama import LLAMA
from model.convert.layouts.magvit import MAGVIT
from model.convert.layouts.qwen import QWEN
from model.convert.layouts.shared_vocabulary import DYNIN, MMADA
from model.convert.layouts.whisper import WHISPER

LAYOUTS: dict[str, Layout] = {
    layout.kind: layout
    for layout in (QWEN, LLAMA, CLIP, WHISPER, LLADA, DREAM, MMADA, DYNIN, MAGVIT)
}
