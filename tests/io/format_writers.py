"""Small files of every format, written byte by byte: the tests and the fuzzing read them back.

Each writer takes a folder and a (Z, Y, X) array and returns the path to open.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import h5py
import imagecodecs
import numpy as np
import tifffile

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def _tree(streams: dict[str, bytes]) -> list[list]:
    """Lay streams out as entries: name, kind, children, content."""
    entries: list[list] = [["Root Entry", 5, [], b""]]
    for name, content in streams.items():
        here = 0
        *folders, leaf = name.split("/")
        for folder in folders:
            known = [k for k in entries[here][2] if entries[k][0] == folder]
            if not known:
                entries[here][2].append(len(entries))
                entries.append([folder, 1, [], b""])
            here = known[0] if known else len(entries) - 1
        entries[here][2].append(len(entries))
        entries.append([leaf, 2, [], content])
    return entries


def _chain(content: bytes, unit: int, kept: bytearray, links: list[int]) -> int:
    """Append content in sectors; return the first, or the mark for none."""
    first, count = len(links), -(-len(content) // unit)
    if not count:
        return END
    links += [*range(first + 1, first + count), END]
    kept += content.ljust(count * unit, b"\0")
    return first


def _entry(name: str, kind: int, links: tuple[int, int], start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0" if name else b""
    return struct.pack(
        "<64sHBBIII16sIQQIQ", text, len(text), kind, 1, FREE, *links, b"", 0, 0, 0, start, size
    )


def compound(path: Path, streams: dict[str, bytes]) -> Path:
    """Write a compound file (OLE, version 3, sectors of 512 bytes)."""
    entries = _tree(streams)
    body, table, mini, mini_table = bytearray(), [], bytearray(), []
    starts = [
        _chain(content, 64, mini, mini_table)
        if len(content) < 4096
        else _chain(content, 512, body, table)
        for _, _, _, content in entries
    ]
    starts[0] = _chain(bytes(mini), 512, body, table)
    minifat = np.array(mini_table, dtype="<u4").tobytes()
    minifat = minifat.ljust(-(-len(minifat) // 512) * 512, b"\xff")
    first_minifat = _chain(minifat, 512, body, table)
    siblings = {
        a: b
        for _, _, children, _ in entries
        for a, b in zip(children, [*children[1:], FREE], strict=False)
    }
    sizes = [len(mini), *(len(content) for _, _, _, content in entries[1:])]
    folder = b"".join(
        _entry(name, kind, (siblings.get(k, FREE), (children or [FREE])[0]), starts[k], sizes[k])
        for k, (name, kind, children, _) in enumerate(entries)
    )
    folder += _entry("", 0, (FREE, FREE), 0, 0) * (-len(entries) % 4)
    first_folder = _chain(folder, 512, body, table)
    count = 1
    while -(-(len(table) + count) // 128) > count:
        count += 1
    sectors = list(range(len(table), len(table) + count))
    fat = np.array([*table, *[FAT] * count], dtype="<u4").tobytes().ljust(count * 512, b"\xff")
    head = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6,
        0, count, first_folder, 0, 4096, first_minifat, len(minifat) // 512, END, 0,
    )  # fmt: skip
    difat = np.array([*sectors, *[FREE] * (109 - count)], dtype="<u4").tobytes()
    path.write_bytes(head + difat + bytes(body) + fat)
    return path


def xradia(path: Path, images: np.ndarray, *, announced: int | None = None, **more: bytes) -> Path:
    """Write a .txm, .txrm or .xrm file; `more` has names with two underscores for a slash."""
    code = {"uint16": 5, "float32": 10, "uint8": 3}[images.dtype.name]
    count, high, wide = images.shape
    whole = {
        "ImageWidth": wide, "ImageHeight": high, "DataType": code, "ImagesTaken": count,
        "NoOfImages": announced or count,
    }  # fmt: skip
    streams = {f"ImageInfo/{k}": struct.pack("<i", v) for k, v in whole.items()}
    streams |= {k.replace("__", "/").replace("Shifts_", "-Shifts"): v for k, v in more.items()}
    for k, image in enumerate(images):
        little = image.astype(image.dtype.newbyteorder("<"))
        streams[f"ImageData{k // 100 + 1}/Image{k + 1}"] = little.tobytes()
    return compound(path, streams)


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def txm(folder: Path, grey: np.ndarray) -> Path:
    return xradia(folder / "scan.txm", grey, ImageInfo__PixelSize=floats(0.5))


def txrm(folder: Path, grey: np.ndarray, beam: int = 1, announced: int | None = None) -> Path:
    count = announced or len(grey)
    more = {
        "ImageInfo__PixelSize": floats(0.5),
        "ImageInfo__Angles": floats(*np.linspace(-90, 90, count)),
        "ImageInfo__XrayGeometry": struct.pack("<i", beam),
        "ImageInfo__StoRADistance": floats(*[-20.0] * count),
        "ImageInfo__DtoRADistance": floats(*[60.0] * count),
        "Alignment__XShifts_": floats(*np.arange(count)),
        "Alignment__YShifts_": floats(*-0.5 * np.arange(count)),
        "ReferenceData__Image": grey[0].astype("<f4").tobytes(),
        "ReferenceData__DataType": struct.pack("<i", 10),
    }
    return xradia(folder / "scan.txrm", grey, announced=announced, **more)


def mhd(folder: Path, grey: np.ndarray, *, unit: str = "DistanceUnits = um\n") -> Path:
    z, y, x = grey.shape
    (folder / "scan.raw").write_bytes(grey.astype(">u2").tobytes())
    text = (
        f"ObjectType = Image\nNDims = 3\nDimSize = {x} {y} {z}\nElementType = MET_USHORT\n"
        f"ElementByteOrderMSB = True\n{unit}ElementSpacing = 0.02 0.03 0.05\n"
        "ElementDataFile = scan.raw\n"
    )
    (folder / "scan.mhd").write_text(text)
    return folder / "scan.mhd"


def mha(folder: Path, grey: np.ndarray) -> Path:
    z, y, x = grey.shape
    packed = zlib.compress(grey.astype("<u2").tobytes())
    text = (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = True\nCompressedDataSize = {len(packed)}\nDistanceUnits = mm\n"
        f"DimSize = {x} {y} {z}\nElementSpacing = 2e-5 3e-5 5e-5\nElementType = MET_USHORT\n"
        "ElementDataFile = LOCAL\n"
    )
    (folder / "scan.mha").write_bytes(text.encode() + packed)
    return folder / "scan.mha"


def _nrrd(grey: np.ndarray, encoding: str, more: str = "") -> str:
    z, y, x = grey.shape
    return (
        "NRRD0004\n# made by a test\ntype: uint16\ndimension: 3\nspace: left-posterior-superior\n"
        f"sizes: {x} {y} {z}\nspace directions: (0.02,0,0) (0,0.03,0) (0,0,-0.05)\n"
        f'endian: little\nencoding: {encoding}\nspace units: "um" "um" "um"\n{more}'
    )


def nrrd(folder: Path, grey: np.ndarray) -> Path:
    text = _nrrd(grey, "raw") + "\n"
    (folder / "scan.nrrd").write_bytes(text.encode() + grey.astype("<u2").tobytes())
    return folder / "scan.nrrd"


def nhdr(folder: Path, grey: np.ndarray) -> Path:
    (folder / "scan.raw.gz").write_bytes(gzip.compress(grey.astype("<u2").tobytes(), mtime=0))
    (folder / "scan.nhdr").write_text(_nrrd(grey, "gzip", "data file: scan.raw.gz\n"))
    return folder / "scan.nhdr"


def runs(content: bytes) -> bytes:
    """Pack as HxByteRLE does: literals and repeats, both up to 127 bytes."""
    out, at = bytearray(), 0
    while at < len(content):
        same = 1
        while same < 127 and content[at : at + 1] == content[at + same : at + same + 1]:
            same += 1
        if same > 2:
            out += bytes([same, content[at]])
            at += same
        else:
            part = content[at : at + 40]
            out += bytes([128 + len(part)]) + part
            at += len(part)
    return bytes(out)


def amira(folder: Path, grey: np.ndarray, packing: str = "") -> Path:
    z, y, x = grey.shape
    content = grey.astype("<u2").tobytes()
    data = {"": content, "HxByteRLE": runs(content), "HxZip": zlib.compress(content)}[packing]
    told = f"({packing},{len(data)})" if packing else ""
    box = f"1 {1 + 0.02 * (x - 1)!r} 2 {2 + 0.03 * (y - 1)!r} 3 {3 + 0.05 * (z - 1)!r}"
    head = (
        f"# AmiraMesh BINARY-LITTLE-ENDIAN 3.0\n\n\ndefine Lattice {x} {y} {z}\n\nParameters {{\n"
        f'    Units {{\n        Coordinates "µm"\n    }}\n    Content "{x}x{y}x{z} ushort, uniform",\n'
        f'    BoundingBox {box},\n    CoordType "uniform"\n}}\n\n'
        f"Lattice {{ ushort Data }} @1{told}\n\n# Data section follows\n@1\n"
    )
    (folder / "scan.am").write_bytes(head.encode("latin-1") + data + b"\n")
    return folder / "scan.am"


def amira_runs(folder: Path, grey: np.ndarray) -> Path:
    return amira(folder, grey, "HxByteRLE")


def amira_zip(folder: Path, grey: np.ndarray) -> Path:
    return amira(folder, grey, "HxZip")


def mrc(folder: Path, grey: np.ndarray) -> Path:
    z, y, x = grey.shape
    head = bytearray(1024)
    struct.pack_into("<10i", head, 0, x, y, z, 6, 0, 0, 0, x, y, z)
    struct.pack_into("<3f", head, 40, 200.0 * x, 300.0 * y, 500.0 * z)
    struct.pack_into("<3i", head, 64, 1, 2, 3)
    struct.pack_into("<i", head, 92, 128)
    head[208:216] = b"MAP \x44\x44\0\0"
    (folder / "scan.mrc").write_bytes(bytes(head) + bytes(128) + grey.astype("<u2").tobytes())
    return folder / "scan.mrc"


def vgi(folder: Path, grey: np.ndarray) -> Path:
    z, y, x = grey.shape
    (folder / "scan.vol").write_bytes(grey.astype("<u2").tobytes())
    (folder / "scan.vgi").write_text(
        f"{{volume1}}\n[representation]\nsize = {x} {y} {z}\ndatatype = unsigned integer\n"
        f"bitsperelement = 16\n[file1]\nFileFormat = raw\nName = scan.vol\nSize = {x} {y} {z}\n"
        "{volumeprimitive12}\n[geometry]\nresolution = 0.00002 0.00003 0.00005\nunit = mm\n"
    )
    return folder / "scan.vgi"


def _xtek(grey: np.ndarray) -> str:
    z, y, x = grey.shape
    return (
        f"[XTekCT]\nName=scan\nVoxelsX={x}\nVoxelSizeX=0.00002\nVoxelsY={y}\nVoxelSizeY=0.00003\n"
        f"VoxelsZ={z}\nVoxelSizeZ=0.00005\nSrcToObject=50.0\nSrcToDetector=1000.0\n"
        f"DetectorPixelsX={x}\nDetectorPixelSizeX=0.2\nDetectorPixelsY={y}\nDetectorPixelSizeY=0.2\n"
        f"Projections={z}\nInitialAngle=10.0\nAngularStep=0.5\nWhiteLevel=60000\n"
        "CentreOfRotationTop=0.4\nCentreOfRotationBottom=0.2\nInputFolderName=\n"
        "[Xrays]\nXraykV=160\nXrayuA=50\n"
    )


def xtekct(folder: Path, grey: np.ndarray) -> Path:
    (folder / "scan.vol").write_bytes(grey.astype("<f4").tobytes())
    (folder / "scan.xtekct").write_text(_xtek(grey))
    return folder / "scan.xtekct"


def xtekct_scan(folder: Path, grey: np.ndarray) -> Path:
    for k, image in enumerate(grey):
        tifffile.imwrite(folder / f"scan_{k + 1:04d}.tif", image)
    (folder / "scan.xtekct").write_text(_xtek(grey))
    return folder / "scan.xtekct"


_SKYSCAN = (
    "[System]\nScanner=SkyScan1275\n[Acquisition]\nFilename Prefix=tooth\nNumber Of Files=  {z}\n"
    "Number Of Rows= {y}\nNumber Of Columns= {x}\nObject to Source (mm)=24.755\n"
    "Camera to Source (mm)=286.0\nImage Pixel Size (um)=7.000817\nRotation Step (deg)=0.600\n"
    "Source Voltage (kV)=  80\nFlat Field Correction=ON\n"
)


def skyscan(folder: Path, grey: np.ndarray) -> Path:
    z, y, x = grey.shape
    for k, image in enumerate(grey):
        tifffile.imwrite(folder / f"tooth_rec{k + 421:08d}.tif", image)
    tifffile.imwrite(folder / "tooth_rec_spr.tif", grey[0])
    (folder / "tooth_rec.log").write_text(
        _SKYSCAN.format(z=601, y=y, x=x)
        + f"[Reconstruction]\nFirst Section=421\nLast Section={420 + z}\nSection to Section Step=2\n"
        f"Sections Count={z}\nPixel Size (um)=7.00082\n"
        "[File name convention]\nFilename Index Length=8\nFilename Prefix=tooth_rec\n"
    )
    return folder / "tooth_rec.log"


def skyscan_scan(folder: Path, grey: np.ndarray) -> Path:
    z, y, x = grey.shape
    for k, image in enumerate(grey):
        tifffile.imwrite(folder / f"tooth{k:08d}.tif", image)
    (folder / "tooth.log").write_text(_SKYSCAN.format(z=z, y=y, x=x))
    return folder / "tooth.log"


def nxtomo(folder: Path, grey: np.ndarray) -> Path:
    z = len(grey)
    with h5py.File(folder / "scan.nxs", "w") as file:
        at = file.create_group("entry0000/instrument/detector")
        keys = [2, 1, *[0] * z, 1]
        images = np.concatenate([grey[:1] * 0 + 7, grey[:1] * 0 + 900, grey, grey[:1] * 0 + 800])
        at.create_dataset("data", data=images, chunks=(2, *grey.shape[1:]), compression="gzip")
        at["image_key"] = np.array(keys)
        for name, value, unit in (("x_pixel_size", 6.5e-6, "m"), ("y_pixel_size", 6.5, "um")):
            at[name] = value
            at[name].attrs["units"] = unit
        at["distance"] = 0.1
        at["distance"].attrs["units"] = "m"
        file["entry0000/sample/rotation_angle"] = np.array([0, 0, *np.linspace(0, 180, z), 180])
        file["entry0000/sample/rotation_angle"].attrs["units"] = "degree"
    return folder / "scan.nxs"


def exchange(folder: Path, grey: np.ndarray) -> Path:
    with h5py.File(folder / "scan.h5", "w") as file:
        file["exchange/data"] = grey
        file["exchange/data_white"] = grey[:2] + 1000
        file["exchange/data_dark"] = grey[:1] * 0
        file["exchange/theta"] = np.linspace(0, 180, len(grey))
        size = file.create_dataset("measurement/instrument/detector/pixel_size", data=1.17)
        size.attrs["units"] = "micron"
    return folder / "scan.h5"


def nxdata(folder: Path, grey: np.ndarray) -> Path:
    with h5py.File(folder / "volume.h5", "w") as file:
        group = file.create_group("entry/result")
        group["data"] = grey
        group.attrs["axes"] = ["z", "y", "x"]
        for name, n, step in zip("zyx", grey.shape, (50.0, 30.0, 20.0), strict=True):
            group[name] = np.arange(n) * step
            group[name].attrs["units"] = "nm"
    return folder / "volume.h5"


def _dicom_head(grey: np.ndarray, number: int):
    import pydicom
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    head = pydicom.Dataset()
    head.file_meta = pydicom.dataset.FileMetaDataset()
    head.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    head.file_meta.MediaStorageSOPClassUID = head.SOPClassUID = CTImageStorage
    uid = generate_uid(entropy_srcs=[str(number)])
    head.file_meta.MediaStorageSOPInstanceUID = head.SOPInstanceUID = uid
    head.SeriesInstanceUID, head.Modality = generate_uid(entropy_srcs=["series"]), "CT"
    head.Rows, head.Columns = grey.shape[1:]
    head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
    head.BitsAllocated = head.BitsStored = 16
    head.HighBit, head.PixelRepresentation = 15, 0
    head.PixelSpacing = ["0.03", "0.02"]
    return head


def dicom(folder: Path, grey: np.ndarray) -> Path:
    """Write slices whose names run against their positions."""
    for k, image in enumerate(grey):
        head = _dicom_head(grey, k)
        head.ImagePositionPatient = [1.0, 2.0, 10 + 0.05 * k]
        head.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        head.SliceThickness = "0.08"
        head.RescaleSlope, head.RescaleIntercept = "1", "-1000"
        head.PixelData = image.astype("<u2").tobytes()
        head.save_as(folder / f"IM{len(grey) - k:03d}.dcm", enforce_file_format=True)
    return folder


def dicom_frames(folder: Path, grey: np.ndarray) -> Path:
    head = _dicom_head(grey, 0)
    head.NumberOfFrames, head.SpacingBetweenSlices = len(grey), "0.05"
    head.PixelData = grey.astype("<u2").tobytes()
    head.save_as(folder / "scan.dcm", enforce_file_format=True)
    return folder / "scan.dcm"


FEI = (
    "[User]\r\nUser=supervisor\r\n[Beam]\r\nHV=2000\r\nBeam={beam}Beam\r\nScan={beam}Scan\r\n"
    "[{beam}Beam]\r\nHV=2000\r\nTiltCorrectionIsOn={on}\r\nTiltCorrectionAngle=0.663225\r\n"
    "[Scan]\r\nPixelWidth=9e-009\r\nPixelHeight=9e-009\r\nHorFieldsize=0.00005\r\n"
    "[{beam}Scan]\r\nPixelWidth=5e-009\r\nPixelHeight=6.3e-009\r\n[Stage]\r\nStageT=0.907571\r\n"
    "[Image]\r\nResolutionX={scanned}\r\n"
)
FEI_XML = (
    '<?xml version="1.0" encoding="utf-8"?><Metadata><BinaryResult><PixelSize>'
    '<X unit="m">5E-09</X><Y unit="m">6.3E-09</Y></PixelSize></BinaryResult></Metadata>'
)
ZEISS = (
    "0\r\n0\r\nAP_PIXEL_SIZE\r\nPixel Size = 99.9 nm\r\nAP_IMAGE_PIXEL_SIZE\r\n"
    "Image Pixel Size = {size}\r\nAP_STAGE_AT_T\r\nStage at T = 54.0 \xb0\r\nDP_TILTCORRN\r\n"
    "Tilt Corrn. = On\r\nAP_TILT_ANGLE\r\nTilt Angle = 36.0 \xb0\r\nAP_ACTUALKV\r\nEHT = 1.50 kV\r\n"
)
FIBICS = (
    '<?xml version="1.0" encoding="iso-8859-1"?>\n<Fibics version="1.0"><Image><Width>{wide}</Width>'
    '<Height>{high}</Height></Image><Scan><Dwell units="ns">800</Dwell>'
    '<FOV_X units="um">{view}</FOV_X><FOV_Y units="um">{view}</FOV_Y>'
    "<Ux>0.005</Ux><Uy>0</Uy><Vx>0</Vx><Vy>-0.005</Vy></Scan></Fibics>"
)
TESCAN = (
    "[MAIN]\nDevice=GAIA3\nPixelSizeX=5e-009\nPixelSizeY=6.3e-009\n[SEM]\nHV=2000\nStageTilt=55\n"
)
ATLAS = (
    '<?xml version="1.0"?>\n<ATLAS3D-Setup version="3"><Settings><Imaging><DefaultAcquisition>'
    "<PixelSize>{pixel}</PixelSize><Interval><Distance><Interval>{step}</Interval></Distance>"
    "</Interval></DefaultAcquisition></Imaging></Settings></ATLAS3D-Setup>"
)


def sem_slices(folder: Path, grey: np.ndarray, code: int, text: str) -> Path:
    """Write a folder of slices with one private tag."""
    folder.mkdir(exist_ok=True)
    content = text.encode("latin-1") + b"\0"
    for k, image in enumerate(grey):
        tag = [(code, 7, len(content), content, True)] if code else []
        tifffile.imwrite(folder / f"slice_{k:04d}.tif", image, extratags=tag, metadata=None)
    return folder


def fei(folder: Path, grey: np.ndarray) -> Path:
    text = FEI.format(beam="E", on="yes", scanned=grey.shape[2])
    return sem_slices(folder / "slices", grey, 34682, text)


def tiff_packed(folder: Path, grey: np.ndarray) -> Path:
    tifffile.imwrite(folder / "scan.tif", grey, compression="zlib", photometric="minisblack")
    return folder / "scan.tif"


def tiff_plain(folder: Path, grey: np.ndarray) -> Path:
    spaced = {"axes": "ZYX", "spacing": 0.05, "unit": "um"}
    tifffile.imwrite(folder / "scan.tif", grey, imagej=True, metadata=spaced)
    return folder / "scan.tif"


def png_slices(folder: Path, grey: np.ndarray) -> Path:
    place = folder / "slices"
    place.mkdir()
    for k, image in enumerate(grey):
        (place / f"{k}.png").write_bytes(imagecodecs.png_encode(image))
    return place


def npz(folder: Path, grey: np.ndarray) -> Path:
    np.savez_compressed(folder / "scan.npz", image=grey)
    return folder / "scan.npz"


def npy(folder: Path, grey: np.ndarray) -> Path:
    np.save(folder / "scan.npy", grey)
    return folder / "scan.npy"


VOLUMES = (
    txm, mhd, mha, nrrd, nhdr, amira, amira_runs, amira_zip, mrc, vgi, xtekct, skyscan, nxdata,
    dicom, dicom_frames,
)  # fmt: skip
PLAIN = (tiff_packed, tiff_plain, png_slices, npz, npy)  # they tell no voxel size, but for ImageJ's
SCANS = (txrm, xtekct_scan, skyscan_scan, nxtomo, exchange)
