//! Who sent a device out for ever.

use super::Rules;
use crate::ids::DeviceId;

impl Rules {
    /// The devices that sent a device out for ever, as far as that counts.
    pub fn sent_out_by(&self, device: DeviceId) -> impl Iterator<Item = DeviceId> + '_ {
        let (who, world) = (self.who(), self.world());
        let outs = self.facts.outs().iter().filter(move |fact| {
            let names = || fact.out.devices.iter().any(|gone| gone.device == device);
            fact.out.for_ever && names() && who.kept.stands(&world, world.cut(fact.at.log), &fact.at)
        });
        let is_lost = who.outs.of(device).is_some_and(|out| out.for_ever);
        outs.filter(move |_| is_lost).map(|fact| fact.at.log.author)
    }
}
