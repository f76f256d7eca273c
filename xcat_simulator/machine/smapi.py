# SPDX-License-Identifier: Apache-2.0
"""SMAPI as smcli shows it: return code, reason code and text.

Return codes are those of the recordings (204/8 busy or not found, 404/4 and
404/8 of the directory) and of the z/VM Systems Management Application
Programming book for the rest (400/4 no such user, 200/12 not active).
"""
from xcat_simulator.machine import directory
from xcat_simulator.machine import model

NO_IMAGE = (400, 4, 'Image or profile definition not found')
NOT_ACTIVE = (200, 12, 'Image not active')
BUSY = (204, 8, 'Image device busy or not available')
NOT_FOUND = (204, 8, 'Image device not found')
EXISTS = (204, 4, 'Image device already exists')
DEFINED = (404, 4, 'Image device already defined')
NOT_DEFINED = (404, 8, 'Image device not defined')


class Refused(Exception):
    """Leaves a function with a return code, a reason code and a text."""


class Smapi:
    """The functions of one LPAR; `fail` overrides one of them."""

    def __init__(self, lpar):
        self._lpar = lpar
        self._failures = {}

    def fail(self, function, rc, rs, text, times=0):
        """Make `function` fail so; an empty text ends every failure.

        times: so often, 0: until that is ended.
        """
        if not text:
            self._failures.clear()
        else:
            self._failures[function] = [times, (int(rc), int(rs), text)]

    def _refuse(self, function):
        """Raise what the function was told to fail with, if it was."""
        if function not in self._failures:
            return
        times, answer = self._failures[function]
        if times == 1:
            del self._failures[function]
        elif times:
            self._failures[function][0] -= 1
        raise Refused(*answer)

    def call(self, function, userid, **arguments):
        """Run one function; see Lpar.smapi."""
        handler = getattr(self, '_' + function.lower(), None)
        if handler is None:
            return model.Result(900, 12, 'Unknown function: %s\n' % function)
        title = TITLES.get(function, '') % {
            'user': userid, 'action': 'Halting' if arguments.get(
                'PAUSE') == 'YES' else 'Resuming', **arguments}
        try:
            self._refuse(function)
            text = handler(userid, **arguments)
        except Refused as refused:
            return self._failed(title, *refused.args)
        return model.Result(0, 0, text or title + ' Done\n')

    @staticmethod
    def _failed(title, rc, rs, text):
        lines = '%sFailed\n  Return Code: %d\n  Reason Code: %d\n' % (
            title + ' ' if title else '', rc, rs)
        return model.Result(rc, rs, lines + '  Description: %s\n' % text)

    def _guest(self, userid):
        guest = self._lpar.guests.get(userid)
        if guest is None:
            raise Refused(*NO_IMAGE)
        return guest

    def _running(self, userid):
        guest = self._guest(userid)
        if guest.power != 'on':
            raise Refused(*NOT_ACTIVE)
        return guest

    def _image_device_dedicate_dm(self, userid, vdev, rdev, readonly='0'):
        guest = self._guest(userid)
        held = {virtual for virtual, _ in directory.dedicated(guest.directory)}
        if directory.hex4(vdev) in held:
            raise Refused(*DEFINED)
        guest.directory = directory.add_dedicate(
            guest.directory, vdev, rdev, readonly == '1')

    def _image_device_undedicate_dm(self, userid, vdev, **_ignored):
        guest = self._guest(userid)
        left = directory.remove_dedicate(guest.directory, vdev)
        if left == guest.directory:
            raise Refused(*NOT_DEFINED)
        guest.directory = left

    def _image_device_dedicate(self, userid, vdev, rdev, readonly='0'):
        guest = self._running(userid)
        vdev, rdev = directory.hex4(vdev), directory.hex4(rdev)
        if vdev in guest.active_devices:
            raise Refused(*EXISTS)
        device = self._lpar.devices.get(rdev)
        if device is None or device.status != model.FREE:
            raise Refused(*BUSY)
        guest.attach(vdev, device)

    def _image_device_undedicate(self, userid, vdev, **_ignored):
        guest = self._running(userid)
        vdev = directory.hex4(vdev)
        if vdev not in guest.active_devices:
            raise Refused(*NOT_FOUND)
        guest.detach(vdev)

    def _image_query_dm(self, userid, **_ignored):
        # xCAT cuts the last line away: smcli ends with an empty one.
        return self._guest(userid).directory.rstrip('\n') + '\n\n'

    def _query_all_dm(self, userid, **_ignored):
        return ''.join(
            'Directory Entry_type: 0\nDirectory Entry ID: %s\n%s\n\n'
            % (each, guest.directory.rstrip('\n'))
            for each, guest in sorted(self._lpar.guests.items()))

    def _system_wwpn_query(self, userid, **_ignored):
        return self._lpar.wwpn_query_text()

    def _system_fcp_free_query(self, userid, fcp_dev='', **_ignored):
        return self._lpar.fcp_query_text(fcp_dev)

    def _image_ipl_set_dm(self, userid, saved='', load='', parameters='',
                          **_ignored):
        guest = self._guest(userid)
        guest.directory = directory.set_ipl(
            guest.directory, saved, load, parameters)

    def _image_ipl_delete_dm(self, userid, **_ignored):
        guest = self._guest(userid)
        guest.directory = directory.remove_ipl(guest.directory)

    def _image_scsi_characteristics_define_dm(
            self, userid, portname='', lun='', scptype='', scpdata='',
            **_ignored):
        guest = self._guest(userid)
        guest.directory = directory.set_loaddev(
            guest.directory, portname, lun, scptype, scpdata)

    def _image_status_query(self, userid, **_ignored):
        self._running(userid)
        return userid + '\n'

    def _image_activate(self, userid, **_ignored):
        guest = self._guest(userid)
        if guest.power == 'on':
            raise Refused(200, 8, 'Image already active')
        guest.power_on()

    def _image_deactivate(self, userid, **_ignored):
        self._running(userid).power_off()

    def _image_pause(self, userid, **arguments):
        self._running(userid).paused = arguments.get('PAUSE') == 'YES'

    def _image_lock_dm(self, userid, **_ignored):
        self._guest(userid)

    _image_unlock_dm = _image_lock_dm

    def _image_replace_dm(self, userid, text='', **_ignored):
        self._guest(userid).directory = text

    def _image_delete_dm(self, userid, **_ignored):
        self._guest(userid)
        self._lpar.delete(userid)

    def _image_definition_query_dm(self, userid, **keywords):
        return directory.definitions(self._guest(userid).directory,
                                     set(keywords)) + '\n'

    def _virtual_network_vswitch_set_extended(self, userid, **_ignored):
        """No network is imitated: a grant can always be taken back."""


_ENTRY = "%(user)s's directory entry..."
_ACTIVE = "%(user)s's active configuration..."
TITLES = {
    'Image_Device_Dedicate_DM': 'Dedicating device %(rdev)s to ' + _ENTRY,
    'Image_Device_Dedicate': 'Dedicating device %(rdev)s to ' + _ACTIVE,
    'Image_Device_Undedicate_DM': 'Deleting dedicated device from ' + _ENTRY,
    'Image_Device_Undedicate': 'Deleting dedicated device from ' + _ACTIVE,
    'Image_IPL_Set_DM': 'Adding IPL statement to ' + _ENTRY,
    'Image_IPL_Delete_DM': 'Deleting IPL statement from ' + _ENTRY,
    'Image_SCSI_Characteristics_Define_DM':
        'Defining location of program to be loaded...',
    'Image_Activate': 'Activating %(user)s...',
    'Image_Deactivate': 'Stopping %(user)s...',
    'Image_Delete_DM': 'Deleting %(user)s from the directory...',
    'Image_Lock_DM': "Locking virtual image's directory entry %(user)s...",
    'Image_Unlock_DM': 'Unlocking ' + _ENTRY,
    'Image_Replace_DM': 'Replacing ' + _ENTRY,
    'Image_Pause': '%(action)s processing on %(user)s...',
    'Virtual_Network_Vswitch_Set_Extended':
        'Changing the configuration of a virtual switch...',
}
