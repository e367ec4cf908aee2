"""Files that run code when they are opened."""

from fyke.mail.message import Attachment

_ENDINGS = """
ade adp apk app appimage appref-ms appx appxbundle bas bat bin cab chm cmd com command cpl deb diagcab dmg exe gadget
hta img inf ins iqy iso isp jar jnlp js jse library-ms lnk mde msc msh msi msix msp mst ocx one pif pkg pl ps1 ps1xml
psc1 psm1 py rdp reg rpm scf scr sct settingcontent-ms sh shb shs slk sys udl url vb vbe vbs vhd vhdx vxd workflow ws
wsc wsf wsh xll
docm dotm potm ppam ppsm pptm sldm xlam xlsm xltm
"""
_KINDS = """
application/hta application/java-archive application/javascript application/vnd.android.package-archive
application/vnd.microsoft.portable-executable application/x-dosexec application/x-executable application/x-javascript
application/x-ms-shortcut application/x-msdos-program application/x-msdownload application/x-sh text/javascript
"""
ENDINGS = frozenset(_ENDINGS.split())
"""of file names: programs, scripts, shortcuts, disk images and packages, connections, documents with macros"""
KINDS = frozenset(_KINDS.split())
"""media types of programs and scripts"""


def runs_code(file: Attachment) -> bool:
    """Whether the name or the stated type of a file is that of a program, whatever is really in it."""
    name, dot, ending = file.name.lower().rstrip(". ").rpartition(".")
    return (bool(name and dot) and ending in ENDINGS) or file.kind in KINDS
