"""HTML to what a reader sees of it."""

import pytest

from fyke.mail.limits import Limits
from fyke.mail.notes import Notes
from fyke.mail.rendering import render


def seen(html: str) -> str:
    """The visible text."""
    return render(html, Notes(Limits())).text


def hidden(html: str) -> str:
    """The hidden text."""
    return render(html, Notes(Limits())).hidden


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two<br>three", "one\ntwo\nthree"),
        ("a <b>b</b><i>c</i>", "a bc"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("<pre>a\n  b</pre>", "a\nb"),
        ("one\ntwo\t three", "one two three"),
        ("中文\n中文 and\nwords", "中文中文 and words"),
        ("<title>t</title><style>s</style><script>s</script><!-- c -->x", "x"),
        ("<!--[if mso]><p>Outlook</p><![endif]-->x", "x"),
        ("<noscript>shown</noscript>", "shown"),
        ("<img alt=logo src=x><img alt=pixel width=1 height=1>", "logo"),
        ("<input type=submit value=Go><input type=hidden value=no><input placeholder=Name>", "Go Name"),
        ("<input type=password value=no>x<input type=checkbox value=no>", "x"),
        ("<select><option>a<option selected>b</select><select><option>c<option>d</select>", "b\nc"),
        ("&lt;b&gt; &amp; &#x41; &nbsp;x", "<b> & A x"),
        ("<textarea>a\nb</textarea>", "a\nb"),
        ("<iframe>no</iframe><template>no</template><noframes>no</noframes>x", "x"),
        ("<video>a</video> <object>b</object> <audio>c</audio> <canvas>d</canvas>", "a b c d"),
        ("<a>unclosed <b>tags", "unclosed tags"),
        ("", ""),
        ("\0<\0p\0>", "<p>"),
    ],
)
def test_what_a_reader_sees(html: str, text: str) -> None:
    """Blocks make lines, cells make spaces, words on pictures and buttons are read."""
    assert seen(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<p style='display:none'>x</p>",
        "<p style='DISPLAY : NONE !important'>x</p>",
        "<p hidden>x</p>",
        "<p style='visibility:hidden'>x</p>",
        "<p style='opacity:0'>x</p>",
        "<p style='font-size:0'>x</p>",
        "<p style='font-size:1px'>x</p>",
        "<p style='font:0/0 a'>x</p>",
        "<p style='width:0;height:0;overflow:hidden'>x</p>",
        "<p style='max-height:0px;overflow:hidden'>x</p>",
        "<p style='position:absolute;left:-9999px'>x</p>",
        "<p style='text-indent:-999em'>x</p>",
        "<p style='color:white'>x</p>",
        "<p style='color:#FFF'>x</p>",
        "<p style='color:rgb(255, 255, 254)'>x</p>",
        "<p style='color:rgba(0,0,0,0);color:#fefefe'>x</p>",
        "<font color='#ffffff'>x</font>",
        "<body bgcolor=black text=white><font color='#010101'>x</font>",
        "<table bgcolor='#123456'><tr><td style='color:#123456'>x</td></tr></table>",
        "<style>.a{display:none}</style><p class=a>x</p>",
        "<style>div.a p, #b{font-size:0}</style><div class=a><p>x</p></div>",
        "<style>@media screen{.a{display:none}}</style><p class='A b'>x</p>",
        "<style>/* } */ .a{color:#fff}</style><p class=a>x</p>",
        "<div style='display:none'><p style='display:block'>x</p></div>",
        "<div style='opacity:0'><b style='opacity:1'>x</b></div>",
        "<p style='clip:rect(0,0,0,0);position:absolute'>x</p>",
        "<dialog>x</dialog>",
        "<style>.a{display:none!important}</style><p class=a style='display:block'>x</p>",
        "<style>.a{display:none ! important} .a{display:block}</style><p class=a>x</p>",
        "<style>.a{display:block!important}</style><p class=a style='display:none !important'>x</p>",
        "<p style='display:none!important;display:block'>x</p>",
        "<p style='background-color:red;background:#fff!important;color:#fff'>x</p>",
        "<p style='dis/**/play:block;/*;*/display/* a */:none/*'>x</p>",
        "<p style='color:transparent'>x</p>",
        "<p style='color:rgba(0,0,0,0)'>x</p>",
        "<p style='color:rgb(0 0 0 / 0%)'>x</p>",
        "<p style='color:hsla(0,0%,0%,0)'>x</p>",
        "<p style='color:#00000000'>x</p>",
        "<p style='color:#0000'>x</p>",
        "<p style='color:#ffff'>x</p>",
        "<p style='color:#000;-webkit-text-fill-color:transparent'>x</p>",
        "<p style='background:rgba(0,0,0,0);color:#fff'>x</p>",
        "<p style='background:#0000;color:#fff'>x</p>",
        "<p style='font-size:calc(0px)'>x</p>",
        "<p style='transform:translateX(-9999px)'>x</p>",
        "<p style='-webkit-transform:rotate(1deg) translate(0, -9999px)'>x</p>",
        "<p style='transform:scale(0, 0)'>x</p>",
        "<p style='position:absolute;right:-9999px'>x</p>",
        "<p style='position:absolute;left:9999px'>x</p>",
        "<p style='position:absolute;left:-100vw'>x</p>",
        "<p style='position:absolute;clip:rect(1px, 1px, 1px, 1px)'>x</p>",
        "<p style='width:1px;height:1px;min-width:0;overflow:clip'>x</p>",
        "<video style='display:none'>x</video>",
        "<div style='position:relative;right:600px'>x</div>",
        "<span style='display:inline-block;width:0;overflow:hidden'>x</span>",
        "<span style='position:absolute;clip:rect(0 0 0 0)'>x</span>",
        "<style>#b{display:none} p{display:block}</style><p id=b>x</p>",
        "<style>@media (min-width:600px){p{display:none}}</style><p>x</p>",
        "<p style='color:#fff;text-shadow:0 0 1px #fff'>x</p>",
        "<div style='color:red'><a href=p style='color:#fff'>x</a></div>",
    ],
)
def test_hidden_by_a_common_trick(html: str) -> None:
    """Not in the text, and kept aside."""
    assert (seen(html), hidden(html)) == ("", "x")


@pytest.mark.parametrize(
    "html",
    [
        "<p style='display:block'>x</p>",
        "<div style='visibility:hidden'><b style='visibility:visible'>x</b></div>",
        "<td style='font-size:0'><span style='font-size:12px'>x</span></td>",
        "<table width=0 height=0><tr><td>x</td></tr></table>",
        "<div style='height:0'>x</div>",
        "<div style='line-height:0'>x</div>",
        "<font color=white style='background:url(p.png)'>x</font>",
        "<div style='background-image:url(p.png);color:#fff'>x</div>",
        "<table background=p.png><tr><td><font color=white>x</font></table>",
        "<div style='background:#000'><p style='color:#fff'>x</p></div>",
        "<body bgcolor='#000000'><font color='#ffffff'>x</font>",
        "<style>@media (max-width:600px){.a{display:none}} @media print{.a{display:none}}</style><p class=a>x</p>",
        "<style>.a{display:none} .a{display:block}</style><p class=a>x</p>",
        "<style>.a{display:none}</style><p class=a style='display:inline'>x</p>",
        "<style>.a .b{display:none}</style><p class=b>x</p>",
        "<style>a:hover{display:none} p[x]{display:none} ::before{display:none}</style><p>x</p>",
        "<style>.a{background:#00f;color:#fff}</style><a class=a>x</a>",
        "<font color=white><img alt=x src=p></font>",
        "<p style='font-size:0'><input type=submit value=x></p>",
        "<p style='color:var(--x)'>x</p>",
        "<p style='opacity:0.5'>x</p>",
        "<p style='font-size:100%'>x</p>",
        "<p style='position:absolute;left:-9px'>x</p>",
        "<style>.a{display:block!important}</style><p class=a style='display:none'>x</p>",
        "<style>.a{display:none!important}</style><p class=a style='display:block!important'>x</p>",
        "<p style='display:block!important;display:none'>x</p>",
        "<p style='width:1px;min-width:100%;overflow:hidden'>x</p>",
        "<p style='width:1px;min-width:600px;height:1px'>x</p>",
        "<p style='max-height:0;min-height:1em;overflow:hidden'>x</p>",
        "<div style='color:transparent'><b style='color:#000'>x</b></div>",
        "<p style='color:transparent;background:linear-gradient(red,blue);background-clip:text'>x</p>",
        "<p style='color:transparent;text-shadow:0 0 0 #000'>x</p>",
        "<p style='color:rgba(0,0,0,.9)'>x</p>",
        "<p style='color:rgb(0,0,0)'>x</p>",
        "<p style='color:hsl(0, 0%, 0%)'>x</p>",
        "<p style='color:#000000ff'>x</p>",
        "<font color=transparent>x</font>",
        "<p style='mso-hide:all'>x</p>",
        "<p style='transform:translateX(-50%) scale(0.9)'>x</p>",
        "<p style='margin-left:-50vw'>x</p>",
        "<span style='width:0;height:0;overflow:hidden'>x</span>",
        "<span style='text-indent:-9999px;margin-top:-9999px;transform:scale(0)'>x</span>",
        "<div style='width:0;height:0;white-space:nowrap'>x</div>",
        "<p style='clip:rect(0,0,0,0)'>x</p>",
        "<div style='position:relative;bottom:-600px'>x</div>",
        "<div style='position:relative;right:-600px'>x</div>",
        "<div style='color:white'><a href=p>x</a></div>",
        "<div style='color:white'><mark>x</mark></div>",
        "<div style='color:white;font-size:0'><button>x</button></div>",
        "<div style='color:white;font-size:0'><textarea>x</textarea></div>",
        "<p style='color:#fff;text-shadow:1px 1px 2px #000'>x</p>",
        "<p style='color:#fff;-webkit-text-stroke:1px rgb(0, 0, 0)'>x</p>",
        "<p style='color:#fff;box-shadow:inset 0 0 0 99px #000'>x</p>",
        "<style>#b{display:block} p{display:none}</style><p id=b>x</p>",
        "<style>p{display:none} @media screen and (min-width:1px){p{display:block}}</style><p>x</p>",
        "<style>p{display:none} @supports (display:block){p{display:block}}</style><p>x</p>",
    ],
)
def test_what_only_looks_like_a_trick_is_seen(html: str) -> None:
    """Layout habits of honest newsletters."""
    assert (seen(html), hidden(html)) == ("x", "")


def test_junk_between_letters_goes_without_a_gap() -> None:
    """Letters between which something is hidden are one word for the reader."""
    assert seen("pass<span style='display:none'>zzz</span>word") == "password"
    assert seen("pass<span style='font-size:0'>zzz</span>word") == "password"


def test_links() -> None:
    """Target as written but for line breaks, text as seen; a base is heeded; links without a target are none."""
    html = (
        "<base href='http://x.example/d/'><a href=' ht\ntp://y.example/ '>one <b>two</b></a><a name=n>no</a>"
        "<a href=p.html>p<span hidden>q</span></a><a href='#top'>top</a><area href='mailto:a@b.example'>"
        "<form action=http://f.example/><a href='http://i.example/'><img alt=pic></a></form>"
    )
    assert render(html, Notes(Limits())).links == [
        ("http://y.example/", "one two"),
        ("http://x.example/d/p.html", "p"),
        ("#top", "top"),
        ("mailto:a@b.example", ""),
        ("http://f.example/", ""),
        ("http://i.example/", "pic"),
    ]


@pytest.mark.parametrize("junk", [".b{color:red}" * 1500, ".b{}" * 2000, "/* */ .b { color : red } " + " " * 200_000])
def test_rules_before_a_limit_of_style_sheets_still_hide(junk: str) -> None:
    """Junk after them does not bring to light what they hide."""
    html = f"<style>.a{{display:none}}{junk}</style><p class=a>x"
    assert (seen(html), hidden(html)) == ("", "x")
